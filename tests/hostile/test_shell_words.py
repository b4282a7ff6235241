"""Words of a command line with anything in them."""

from __future__ import annotations

from hostile.claims import BRIEFLY, TEXTS, answered
from hypothesis import given
from hypothesis import strategies as st

from cropland.config import shell_words

KEYS = st.sampled_from(
    ["span", "country", "output", "raster", "tracking.uri", "+box", "~study", "hydra/launcher", ""]
)
OPTIONS = st.sampled_from(
    ["-m", "--multirun", "--config-dir", "--cfg", "job", "-i", "-", "--", "=", "span"]
)
WORDS = st.one_of(
    TEXTS, OPTIONS, st.builds("{}={}".format, KEYS, TEXTS), st.builds("-{}".format, TEXTS)
)


@BRIEFLY
@given(words=st.lists(WORDS, max_size=5), command=st.sampled_from(["train", "predict"]))
def test_whatever_the_words(words: list[str], command: str) -> None:
    with answered():
        made = shell_words.hydra_words(words, command)
        assert all(isinstance(word, str) for word in made) and len(made) <= len(words)
