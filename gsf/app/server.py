"""The app's addresses: a form, an answer a video, and the files of each answer."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from gsf.app.desk import TIMELINE, Answered, BusyError, Desk
from gsf.app.guard import Guard, TooLargeError
from gsf.app.origin import Origin
from gsf.app.pages import FILES, render
from gsf.errors import GsfError

HOSTS = ["127.0.0.1", "localhost"]  # by which a browser may call it: another name is a trick to get around its origin
_FORM = 1 << 16  # bytes around a file


def application(desk: Desk, *, origin: Origin, examples: Mapping[str, Path]) -> Guard:
    """The ASGI application.

    Args:
        desk: what answers.
        origin: where the network's numbers come from.
        examples: videos to choose from, by the name shown.
    """
    pages = _Pages(desk, origin, examples)
    routes = [
        Route("/", pages.home),
        Route("/answer", pages.ask, methods=["POST"]),
        Route("/answer/{key}", pages.answer),
        Route("/answer/{key}/{file}", pages.file),
        Route("/static/{file}", pages.static),
        Route("/favicon.ico", pages.icon),
    ]
    middleware = [Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False)]
    handlers = {HTTPException: pages.problem, GsfError: pages.problem, TooLargeError: pages.problem}
    app = Starlette(routes=routes, middleware=middleware, exception_handlers=handlers)
    return Guard(app, body_bytes=(desk.limits.megabytes << 20) + _FORM)


class _Pages:
    def __init__(self, desk: Desk, origin: Origin, examples: Mapping[str, Path]) -> None:
        self._desk, self._origin, self._examples = desk, origin, examples

    async def home(self, _: Request) -> Response:
        return self._home()

    async def ask(self, request: Request) -> Response:
        """Answer the file that was sent, or the example that was chosen."""
        try:
            form = await request.form(max_files=1, max_fields=2)
        except MultiPartException as error:
            raise HTTPException(400, error.message) from None
        try:
            video, example = form.get("video"), form.get("example")
            if isinstance(video, UploadFile) and video.filename:
                found = await run_in_threadpool(self._sent, video)
            elif isinstance(example, str) and example in self._examples:
                found = await run_in_threadpool(self._desk.answer, self._examples[example], example)
            else:
                raise HTTPException(400, "no video was sent: choose a file, or one of the examples")
        finally:
            await form.close()
        return RedirectResponse(f"/answer/{found.key}", status_code=303)

    def _sent(self, video: UploadFile) -> Answered:
        """In a file of its own while it is decoded; never by the name that was sent."""
        name = Path((video.filename or "").replace("\\", "/")).name[-100:] or "video"
        with tempfile.NamedTemporaryFile(prefix="gsf-app-") as file:
            shutil.copyfileobj(video.file, file)
            file.flush()
            return self._desk.answer(Path(file.name), name)

    async def answer(self, request: Request) -> Response:
        answered = self._known(request)
        return HTMLResponse(render("answer.html", desk=self._desk, origin=self._origin, answered=answered))

    async def file(self, request: Request) -> Response:
        answered, name = self._known(request), request.path_params["file"]
        if name not in (answered.picture, answered.film, TIMELINE) or not (answered.folder / name).is_file():
            raise HTTPException(404, "no such file")
        return FileResponse(answered.folder / name)

    async def static(self, request: Request) -> Response:
        path = FILES.get(request.path_params["file"])
        if path is None:
            raise HTTPException(404, "no such file")
        return FileResponse(path)

    async def icon(self, _: Request) -> Response:
        """None; browsers ask for it."""
        return Response(status_code=204)

    async def problem(self, _: Request, error: Exception) -> Response:
        """The form again, with what is wrong above it."""
        status = {BusyError: 503, TooLargeError: 413}.get(type(error), 422)
        words = str(error)
        if isinstance(error, HTTPException):
            status, words = error.status_code, error.detail
        return self._home(problem=words, status=status)

    def _known(self, request: Request) -> Answered:
        answered = self._desk.known(request.path_params["key"])
        if answered is None:
            raise HTTPException(404, "no such answer: the last ones are kept, until the program ends")
        return answered

    def _home(self, *, problem: str = "", status: int = 200) -> Response:
        page = render("home.html", desk=self._desk, origin=self._origin, examples=list(self._examples), problem=problem)
        return HTMLResponse(page, status_code=status)
