"""The store: tables by noun, the engine for both databases, and the migrations. The only place that knows SQL types."""
