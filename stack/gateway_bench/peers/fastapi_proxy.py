"""`python -m stack.gateway_bench.peers.fastapi_proxy PORT TRITON KEYS`: FastAPI and httpx."""

import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from stack.gateway_bench.peers.duties import PASSED_ON, Duties


def make_app(triton_url: str, duties: Duties) -> FastAPI:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    client = httpx.AsyncClient(base_url=triton_url, limits=limits, timeout=60, trust_env=False)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with client:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/v2/models/{model}/infer")
    async def forward(model: str, request: Request) -> Response:
        began_s = time.monotonic()
        if not duties.admit(request.headers.get("authorization", "")):
            return JSONResponse({"error": "API key missing or not valid"}, status_code=401)
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        answer = await client.post(
            f"/v2/models/{model}/infer", content=await request.body(), headers=headers
        )
        kept = {name: answer.headers[name] for name in PASSED_ON if name in answer.headers}
        duties.done(model, answer.status_code, began_s)
        return Response(answer.content, status_code=answer.status_code, headers=kept)

    return app


def main() -> None:
    port, triton_url, key_file = sys.argv[1:]
    app = make_app(triton_url, Duties(Path(key_file)))
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
