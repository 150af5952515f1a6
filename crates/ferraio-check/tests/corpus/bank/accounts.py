"""An account book: the forms of a forgotten await that everybody writes once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


@dataclass
class Account:
    owner: str
    balance: int = 0
    history: list[str] = field(default_factory=list)

    async def deposit(self, amount: int) -> int:
        await asyncio.sleep(0)
        self.balance += amount
        return self.balance

    async def withdraw(self, amount: int) -> int:
        return await self.deposit(-amount)

    async def is_open(self) -> bool:
        await asyncio.sleep(0)
        return True

    async def transfer(self, to: Account, amount: int) -> None:
        self.withdraw(amount)  # mistake: FER001
        await to.deposit(amount)

    async def close(self) -> None:
        left = self.withdraw(self.balance)  # mistake: FER001
        self.history.append("closed")

    def deposit_later(self, amount: int):
        return self.deposit(amount)


async def pay_interest(accounts: list[Account]) -> None:
    asyncio.sleep(0.1)  # mistake: FER001
    for account in accounts:
        if account.is_open():  # mistake: FER001
            await account.deposit(account.balance // 100)
    for account in accounts:
        if await account.is_open():
            await account.deposit_later(1)


async def statement(account: Account) -> str:
    _ = account.is_open()  # mistake: FER001
    lines = [f"{account.owner} now has {account.deposit(0)}"]  # mistake: FER001
    [account.deposit(n) for n in range(3)]  # mistake: FER001
    balance = await account.deposit(0)
    later = account.deposit(1)
    lines.append(f"{account.owner} has {balance} and then {await later}")
    return "\n".join(lines)


async def main() -> None:
    ann, bob = Account("Ann", 10), Account("Bob")
    deposits = [ann.deposit(n) for n in range(3)]
    await asyncio.gather(*deposits)
    await asyncio.gather(*(bob.deposit(n) for n in range(3)))
    payment = ann.transfer(bob, 5) if ann.balance > 5 else bob.transfer(ann, 5)
    await payment
    print(await statement(ann))
    ann.close()  # mistake: FER001
    await pay_interest([ann, bob])


if __name__ == "__main__":
    asyncio.run(main())
