"""Files, standard input and waiting by hand, straight and through the project's own functions."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from subprocess import check_output
from urllib.request import urlopen

import requests


class Backup:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.session = requests.Session()

    def wait_a_bit(self) -> None:
        self.really_wait()

    def really_wait(self) -> None:
        time.sleep(1)

    def upload(self, data: bytes) -> int:
        return self.session.post("https://backup.example", data=data).status_code

    def name(self) -> str:
        return self.folder.name

    async def wait(self) -> None:
        self.wait_a_bit()  # mistake: FER002
        await asyncio.to_thread(self.wait_a_bit)

    async def send(self, data: bytes) -> str:
        self.upload(data)  # mistake: FER002
        self.session.get("https://backup.example")  # mistake: FER002
        await asyncio.to_thread(self.upload, data)
        return self.name()

    async def write(self) -> None:
        with open(self.folder / "log") as log:  # mistake: FER002
            print(log.name)
        text = (self.folder / "notes").read_text()  # mistake: FER002
        await asyncio.to_thread((self.folder / "notes").write_text, text)
        check_output(["tar", "c", str(self.folder)])  # mistake: FER002
        with urlopen("https://backup.example"):  # mistake: FER002
            pass

    async def ask(self) -> bool:
        return input("really? ") == "yes"  # mistake: FER002

    async def ask_well(self) -> bool:
        return await asyncio.to_thread(input, "really? ") == "yes"


def countdown(seconds: int) -> None:
    if seconds:
        time.sleep(1)
        countdown(seconds - 1)


async def main() -> None:
    backup = Backup(Path("."))
    countdown(3)  # mistake: FER002
    await backup.wait()
    await asyncio.get_running_loop().run_in_executor(None, lambda: countdown(3))
    Backup(Path("/")).really_wait()  # mistake: FER002
    print(Path("a") / "b", backup.name())


asyncio.run(main())
