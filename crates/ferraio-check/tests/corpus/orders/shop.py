"""The other half of the circle."""

import asyncio

from orders.models import Customer, Order


class Shop:
    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.latest: dict[str, Order] = {}

    async def refund(self, order: Order) -> int:
        await asyncio.sleep(0)
        return len(order.lines)

    def print_label(self, order: Order) -> None:
        print(order.customer.name)

    async def cancel_all(self) -> None:
        for order in self.orders:
            order.cancel()  # mistake: FER001
        for order in self.orders:
            await order.cancel()
        for name, order in self.latest.items():
            print(name)
            order.customer.notify("bye")  # mistake: FER001
        await asyncio.gather(*(order.customer.notify("bye") for order in self.latest.values()))
        self.orders[0].cancel()  # mistake: FER001
        first, *_ = self.orders
        first.cancel()  # mistake: FER001
        first.lines.clear()


async def open_shop() -> Shop:
    shop = Shop()
    customer = Customer("Ann", shop)
    shop.orders.append(Order(customer))
    customer.notify("welcome")  # mistake: FER001
    await customer.notify("welcome")
    return shop
