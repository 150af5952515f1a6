"""Types that know each other: the imports for annotations alone make a circle."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orders.shop import Shop


@dataclass
class Customer:
    name: str
    shop: Shop
    backup: Shop | None = None

    async def notify(self, text: str) -> None:
        await asyncio.sleep(0)


@dataclass
class Order:
    customer: Customer
    lines: list[str] = field(default_factory=list)

    async def cancel(self) -> None:
        self.customer.shop.refund(self)  # mistake: FER001
        await self.customer.shop.refund(self)
        if self.customer.backup:
            self.customer.backup.refund(self)  # mistake: FER001
        self.customer.shop.print_label(self)
        self.customer.notify("cancelled")  # mistake: FER001
