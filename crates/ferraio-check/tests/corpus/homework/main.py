"""A script beside its modules, as they are started with `python homework/main.py`: the modules are siblings."""

import asyncio

import marks
from roster import Roster, find as find_student


async def main() -> None:
    roster = Roster(["Ann", "Bob"])
    for name in roster.names():
        marks.record(name, 1)  # mistake: FER001
        await marks.record(name, 1)
    find_student(roster, "Ann")  # mistake: FER001
    student = await find_student(roster, "Ann")
    student.write_home()  # mistake: FER001
    marks.average()
    marks.wait_for_printer()  # mistake: FER002
    roster.students[0].write_home()  # mistake: FER001
    await asyncio.gather(*(student.write_home() for student in roster.students))


asyncio.run(main())
