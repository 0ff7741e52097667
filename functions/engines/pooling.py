"""From the hidden states of tokens to one vector per text. All tensors are torch's; padding may lie on either side."""

from typing import Any

from functions.engines.embed_options import Pooling
from functions.engines.setting import BadSetting


def pooled(states: Any, mask: Any, how: Pooling) -> Any:
    """Return [texts, width] in float32 from states [texts, tokens, width]; `mask` is 1 where a token is real."""
    import torch

    states = states.float()
    rows = torch.arange(states.shape[0], device=states.device)
    if how == "mean":
        weights = mask.unsqueeze(-1).float()
        return (states * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
    if how == "cls":
        return states[rows, mask.argmax(1)]  # the first real token
    # The last real token: counted from the end, since with padding on the left it is simply the last place.
    back = mask.flip(1).argmax(1)
    return states[rows, states.shape[1] - 1 - back]


def shortened(vectors: Any, dimension: int, normalize: bool) -> Any:
    """Keep the first `dimension` numbers (0: all), as Matryoshka models allow, and only then make unit vectors."""
    import torch

    if dimension > vectors.shape[1]:
        raise BadSetting("EMBED_DIMENSION", dimension, f"the model's vectors have {vectors.shape[1]} numbers")
    if dimension:
        vectors = vectors[:, :dimension]
    return torch.nn.functional.normalize(vectors, dim=1) if normalize else vectors
