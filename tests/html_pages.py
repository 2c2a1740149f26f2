"""A page of HTML as tests look at it."""

from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "input"}


class Page(HTMLParser):
    """A page's elements (tag, attributes), its text, and whether its tags are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self.open = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        """The attributes of each element of a kind."""
        return [attributes for found, attributes in self.elements if found == tag]

    @property
    def said(self):
        """The page's words, with single spaces."""
        return " ".join(" ".join(self.text).split())
