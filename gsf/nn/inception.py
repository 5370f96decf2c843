"""What the two Inception networks share: a convolution with its norm, pooling, and the head."""

from __future__ import annotations

from torch import Tensor, nn

Size = int | tuple[int, int]


class ConvNorm(nn.Module):
    """Convolution, batch norm, ReLU.

    The convolution has a bias although the norm follows: the published weights do, and parameters are counted with it.

    Args:
        inputs: channels of the input.
        outputs: channels of the output.
        size: side of the kernel, or (height, width).
        stride: step of the kernel in px.
        padding: px of zeros at each side; as many as keep the size (at stride 1) unless told.

    Shape:
        `(N, inputs, H, W)` to `(N, outputs, H', W')`.
    """

    def __init__(self, inputs: int, outputs: int, size: Size, *, stride: int = 1, padding: int | None = None) -> None:
        super().__init__()
        height, width = (size, size) if isinstance(size, int) else size
        same = (height // 2, width // 2)
        self.conv = nn.Conv2d(inputs, outputs, (height, width), stride, same if padding is None else padding)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-5)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.relu(self.norm(self.conv(x)))
        return out


def halve() -> nn.Module:
    """Max pool 3/2 whose last window may hang over the edge: 112, 56, 28 px, not 111, 55, 27."""
    return nn.MaxPool2d(3, stride=2, ceil_mode=True)


def check_halves(x: Tensor, *, odd: bool, sizes: str) -> None:
    """ValueError unless the convolution and the pool of a reduction halve a map alike.

    Args:
        x: `(N, C, H, W)`.
        odd: whether they do for odd sides (a convolution without padding) or even ones (with).
        sizes: of the network's input, for the message.
    """
    height, width = x.shape[2:]
    if height % 2 != odd or width % 2 != odd:
        raise ValueError(
            f"a map of {height}x{width} is to be halved, must have {'odd' if odd else 'even'} sides; "
            f"use an input of {sizes}"
        )


def smooth() -> nn.Module:
    """Average pool 3/1 in front of a projection; zeros beyond the edge count."""
    return nn.AvgPool2d(3, stride=1, padding=1)


def peak() -> nn.Module:
    """Max pool 3/1 in front of a projection, in the last block of each network."""
    return nn.MaxPool2d(3, stride=1, padding=1)


class Head(nn.Module):
    """Global average: `(N, C, H, W)` to `(N, C)`.

    The published TSN networks average over 7x7 (BNInception) and 8x8 (InceptionV3), which is the whole map at their
    published sizes, 224 and 299 px; the GSF networks average over the whole map at any size.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(x).flatten(1)  # type: ignore[no-any-return]


def start_weights(net: nn.Module) -> None:
    """Kaiming normal by fan-out for convolutions, zero biases; for training without published weights."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            assert module.bias is not None
            nn.init.zeros_(module.bias)
