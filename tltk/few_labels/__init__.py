"""Few labels, no labels, many tasks."""

__all__: list[str] = []
