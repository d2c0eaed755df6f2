"""Serves a page to this machine alone: on the loopback address, without anything from another host."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from dmljax.types import UserError

HOST = "127.0.0.1"
STYLE = Path(__file__).with_name("page.css")
LARGEST = 65_535  # port
TURN_S = 0.2  # between two looks whether the server still runs
FONT, FONT_MONO = ("system-ui", "sans-serif"), ("ui-monospace", "monospace")  # of the browser's machine
END_S = 1  # that connections have to end


def bound(port: int) -> socket.socket:
    """A socket that has a port of the loopback address.

    Args:
      port: 0: any free one.

    Raises:
      UserError: it is taken, or not for this user, or no port.
    """
    if not 0 <= port <= LARGEST:
        raise UserError(f"must be from 0 to {LARGEST}, got {port}", parameter="port")
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was just left is free
    try:
        made.bind((HOST, port))
        made.listen()
    except OSError as error:
        made.close()
        why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        raise UserError(
            f"{port} {why}; give another one, or 0 for any that is free", parameter="port"
        ) from None
    return made


def address(port: socket.socket) -> str:
    """What a browser opens."""
    return f"http://{HOST}:{port.getsockname()[1]}"


@contextlib.contextmanager
def kept_here() -> Iterator[None]:
    """In this block Gradio reports to nobody, and keeps photographs in a folder that goes with the block,
    also where the terminal is closed.
    """
    with _closed_terminal_ends(), tempfile.TemporaryDirectory(prefix="dmljax-demo-") as folder:
        changed = {"GRADIO_TEMP_DIR": folder, "GRADIO_ANALYTICS_ENABLED": "False"}
        before = {name: os.environ.get(name) for name in changed}
        os.environ.update(changed)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


@contextlib.contextmanager
def _closed_terminal_ends() -> Iterator[None]:
    """In this block a closed terminal ends the process by `sys.exit`, unless nohup has it ignored."""
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGHUP) if main and hasattr(signal, "SIGHUP") else signal.SIG_IGN
    if before is signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGHUP, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def serve(page, port: socket.socket, begun: Callable[[], None]) -> None:
    """Serves a page until it is interrupted.

    Args:
      page: gradio.Blocks.
      port: of `bound`.
      begun: called when the page can be opened.

    Raises:
      UserError: the server does not start, or ends by itself.
    """
    import uvicorn

    # connections that are cut at the end are no errors to tell
    how = uvicorn.Config(_app(page), log_level="critical", timeout_graceful_shutdown=END_S)
    server = uvicorn.Server(how)
    thread = threading.Thread(target=server.run, args=([port],), daemon=True)
    thread.start()
    told, ended = False, False
    try:
        while thread.is_alive():
            if server.started and not told:
                told = True
                begun()
            thread.join(TURN_S)
        ended = True
    finally:
        server.should_exit = True
        thread.join(2 * END_S)
    if ended:
        raise UserError(f"the page's server {'has ended by itself' if told else 'does not start'}")


def _app(page):
    import fastapi
    import gradio
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    # Only files that were uploaded may be asked about; Gradio looks at that of a page that it launched.
    page.has_launched = True
    # a page of another host cannot take this one for its own
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
    return gradio.mount_gradio_app(
        app,
        page,
        path="/",
        server_name=HOST,
        root_path="",
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        theme=gradio.themes.Default(font=FONT, font_mono=FONT_MONO),
        css_paths=STYLE,
    )
