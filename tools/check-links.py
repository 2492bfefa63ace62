# SPDX-License-Identifier: Apache-2.0
"""Check links between built pages.

Usage: check-links.py DIRECTORY, with HTML files. Sphinx checks only links of
its own roles; this script also checks links of themes, extensions and
generated pages. External links are not checked.
"""

import html.parser
import pathlib
import sys
from urllib import parse


class Page(html.parser.HTMLParser):
    """Anchors and links of one page."""

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.feed(path.read_text(encoding='utf-8'))

    def handle_starttag(
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        """Collect anchor and link of one tag."""
        for name, value in attrs:
            if value is None:
                continue
            if name == 'id' or (tag == 'a' and name == 'name'):
                self.anchors.add(value)
            elif name in ('href', 'src'):
                self.links.add(value)


def broken(root: pathlib.Path) -> list[str]:
    """Return the broken links, with their pages."""
    paths = sorted(root.rglob('*.html'))
    pages = {path.resolve(): Page(path) for path in paths}
    return [
        f'{path.relative_to(root.resolve())}: {link}'
        for path, page in pages.items()
        for link in sorted(page.links)
        if not _leads(link, path, pages)
    ]


def _leads(
    link: str, path: pathlib.Path, pages: dict[pathlib.Path, Page]
) -> bool:
    """Return whether the target of a link in ``path`` exists."""
    parts = parse.urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    target = path
    if parts.path:
        target = (path.parent / parse.unquote(parts.path)).resolve()
    if target.is_dir():
        target = target / 'index.html'
    anchor = parse.unquote(parts.fragment)
    if not anchor or target not in pages:
        return target.is_file()
    return anchor in pages[target].anchors


def main() -> int:
    """Check one directory; return the exit code."""
    root = pathlib.Path(sys.argv[1])
    if not any(root.rglob('*.html')):
        print(f'{root} holds no pages', file=sys.stderr)
        return 1
    found = broken(root)
    for line in found:
        print(f'leads nowhere: {line}', file=sys.stderr)
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
