"""`/docs`: the API to read and to try, with all that the page needs from this very server."""

from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse

# Swagger UI as its own project builds it; of the package nothing else is used.
_ASSETS = Path(str(files("fastapi_offline"))) / "static"
_NAMES = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png")


def add_docs(app: FastAPI) -> None:
    """Serve the page and its files."""

    @app.get("/docs", include_in_schema=False)
    def docs() -> Response:
        script, style, icon = (f"/docs/{name}" for name in _NAMES)
        return get_swagger_ui_html(
            openapi_url=str(app.openapi_url),
            title=app.title,
            swagger_js_url=script,
            swagger_css_url=style,
            swagger_favicon_url=icon,
            # A token that is typed in is gone with the page.
            swagger_ui_parameters={"persistAuthorization": False, "validatorUrl": None},
        )

    for name in _NAMES:
        _add_file(app, name)


def _add_file(app: FastAPI, name: str) -> None:
    @app.get(f"/docs/{name}", include_in_schema=False)
    def file() -> Response:
        return FileResponse(_ASSETS / name)
