"""`genzoo` without its start: a small client hands its command to a process that has imported torch, which forks.

    python warm.py FOLDER        # serves the client FOLDER/genzoo until its standard input ends

The command runs in the client's folder, with its environment and its three streams, and the client ends with its exit
code. Signals sent to the client are not handed on, and the figures of runs are not drawn.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IMPORTED = (
    *(f"genzoo.{name}" for name in ("cli.options", "comparison_page", "experiment", "figures", "report", "testing")),
    *("genzoo_plugins.losses.elbo", "genzoo_plugins.vae.model", "jinja2", "matplotlib.backends.backend_agg", "tyro"),
)
"""What most commands import."""
CLIENT = """#!{python} -SE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({path!r})
    socket.send_fds(server, [b"."], [0, 1, 2])
    server.sendall(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode())
    server.shutdown(socket.SHUT_WR)
    sys.exit(int(server.recv(8) or b"99"))
"""


@contextmanager
def served(folder: Path) -> Iterator[Path]:
    """Inside, the program `genzoo` lies in the folder that is returned."""
    server = subprocess.Popen([sys.executable, __file__, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin
    assert server.stdout
    try:
        assert server.stdout.readline() == b"ready\n"
        yield folder
    finally:
        server.stdin.close()
        server.wait(60)
        server.stdout.close()


def serve(folder: Path) -> None:
    """Forks for each client."""
    import drawing

    for name in IMPORTED:
        importlib.import_module(name)
    drawing.figures.render = drawing.render_one_pixel
    program, path = folder / "genzoo", folder / "socket"
    program.write_text(CLIENT.format(python=sys.executable, path=str(path)))
    program.chmod(0o755)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        print("ready", flush=True)
        threading.Thread(target=lambda: os._exit(len(os.read(0, 1))), daemon=True).start()
        while True:
            client, _ = listening.accept()
            with client:
                if os.fork() == 0:
                    answer(client)


def answer(client: socket.socket) -> None:
    """Does what a client asks for, and ends this process."""
    from genzoo.cli import main

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    code = 99
    try:
        _, streams, *_ = socket.recv_fds(client, 1, 3)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        words, folder, environment = json.loads(b"".join(iter(lambda: client.recv(1 << 16), b"")))
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = ["genzoo", *words]
        code = main()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        client.send(str(code).encode())
        os._exit(code)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
