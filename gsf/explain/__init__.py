"""What a network looks at: the gates and fuse weights of its layers, and what each frame says for a class."""
