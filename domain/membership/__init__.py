"""Plans, entitlements, orders, money and minutes. Read `model` and `ports` first."""
