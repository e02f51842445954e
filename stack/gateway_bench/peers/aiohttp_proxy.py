"""`python -m stack.gateway_bench.peers.aiohttp_proxy PORT TRITON KEYS [uvloop]`: aiohttp twice."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import uvloop
from aiohttp import web

from stack.gateway_bench.peers.duties import PASSED_ON, Duties


def make_app(triton_url: str, duties: Duties) -> web.Application:
    app = web.Application(client_max_size=64 * 1024 * 1024)
    session_key = web.AppKey("session", aiohttp.ClientSession)

    async def session(app: web.Application) -> AsyncIterator[None]:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
        ) as opened:
            app[session_key] = opened
            yield

    async def forward(request: web.Request) -> web.Response:
        began_s = time.monotonic()
        if not duties.admit(request.headers.get("Authorization", "")):
            return web.json_response({"error": "API key missing or not valid"}, status=401)
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        async with request.app[session_key].post(
            triton_url + request.path, data=await request.read(), headers=headers
        ) as answer:
            kept = {name: answer.headers[name] for name in PASSED_ON if name in answer.headers}
            body = await answer.read()
        duties.done(request.match_info["model"], answer.status, began_s)
        return web.Response(body=body, status=answer.status, headers=kept)

    app.cleanup_ctx.append(session)
    app.router.add_post("/v2/models/{model}/infer", forward)
    return app


def main() -> None:
    port, triton_url, key_file, *options = sys.argv[1:]
    app = make_app(triton_url, Duties(Path(key_file)))
    loop = uvloop.new_event_loop() if options else asyncio.new_event_loop()
    web.run_app(app, host="127.0.0.1", port=int(port), access_log=None, print=None, loop=loop)


if __name__ == "__main__":
    main()
