"""Between domains: features, instances and relations carried from a source to a target."""

__all__: list[str] = []
