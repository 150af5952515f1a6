"""A weather station that blocks its loop in every way there is."""

import asyncio
import os
import socket
import subprocess
import time
import urllib.request
from time import sleep as pause

import requests


def read_sensor() -> float:
    time.sleep(0.2)
    return 21.5


def average(count: int) -> float:
    return sum(read_sensor() for _ in range(count)) / count


async def report() -> None:
    time.sleep(1)  # mistake: FER002
    pause(0.5)  # mistake: FER002
    requests.post("https://weather.example/report", json={"now": 1})  # mistake: FER002
    with urllib.request.urlopen("https://weather.example") as answer:  # mistake: FER002
        print(answer.status)
    subprocess.run(["sync"], check=True)  # mistake: FER002
    os.system("uptime")  # mistake: FER002
    connection = socket.create_connection(("weather.example", 80))  # mistake: FER002
    connection.close()
    await asyncio.sleep(1)


async def measure() -> float:
    now = read_sensor()  # mistake: FER002
    return now + average(5)  # mistake: FER002


async def measure_well() -> float:
    now = await asyncio.to_thread(read_sensor)
    loop = asyncio.get_running_loop()
    return now + await loop.run_in_executor(None, average, 5)


async def report_well() -> None:
    process = await asyncio.create_subprocess_exec("sync")
    await process.wait()
    started = time.monotonic()

    def blocking() -> None:
        time.sleep(1)
        requests.get("https://weather.example")

    await asyncio.to_thread(blocking)
    print(time.monotonic() - started)


def by_hand() -> None:
    time.sleep(1)
    print(average(2))
    asyncio.run(report())
