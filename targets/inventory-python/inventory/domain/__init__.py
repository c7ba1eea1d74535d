"""What the business is about: products, orders and events, without any input or output."""
