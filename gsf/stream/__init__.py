"""What a causal network says of a stream, while it runs."""
