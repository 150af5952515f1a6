"""How programs start, and how they start wrongly."""

from __future__ import annotations

import argparse
import asyncio


async def serve(port: int) -> None:
    await asyncio.sleep(port)


async def main() -> int:
    await serve(80)
    return 0


def start_unawaited() -> None:
    main()  # mistake: FER001


def start_with_exit() -> None:
    raise SystemExit(main())  # mistake: FER001


def start_in_loop() -> None:
    asyncio.get_running_loop().create_task(serve(1))  # mistake: FER006


def start_well() -> int:
    return asyncio.run(main())


def start_with_choice() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    arguments = parser.parse_args()
    entry = serve(arguments.port) if arguments.port else main()
    asyncio.run(entry)


def start_by_table(name: str) -> None:
    commands = {"serve": serve(80), "main": main()}
    asyncio.run(commands[name])


def start_in_runner() -> None:
    with asyncio.Runner() as runner:
        runner.run(main())
        runner.run(serve(1))


def start_by_hand() -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    task = loop.create_task(serve(1))
    loop.run_until_complete(task)
    loop.run_until_complete(main())
    loop.close()


if __name__ == "__main__":
    start_well()
    main()  # mistake: FER001
