"""What a browser makes of HTML, and of Markdown as the MLflow UI renders it: texts and elements."""

from __future__ import annotations

from html.parser import HTMLParser

from markdown_it import MarkdownIt


class Reader(HTMLParser):
    """The text of a page, and the names of its elements in their order."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.elements = "", list[str]()
        self.feed(page)
        self.close()

    def handle_data(self, data: str) -> None:
        """Add a text."""
        self.text += data

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Add an element."""
        self.elements.append(tag)

    handle_startendtag = handle_starttag


def rendered(markdown: str) -> Reader:
    """A text in Markdown as a browser shows it; HTML in it is left as it is."""
    return Reader(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown))
