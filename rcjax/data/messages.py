"""Other libraries' errors, shortened to fit into one line."""


def one_line(error: BaseException) -> str:
    """The kind and the beginning of the text of `error`, without line breaks."""
    text = " ".join(str(error).split())
    if len(text) > 200:
        text = text[:200] + "..."
    return f"{type(error).__name__}: {text}"
