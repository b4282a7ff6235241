"""A report as one HTML file: its figures are in it, and texts in it do nothing."""

from __future__ import annotations

import base64
import re

from cropland.support.report_page import report_page

REPORT = """# Title

**Area: 12 ha.** See `card.md`.

![Estimates](picture.png)

| class | hectares |
|---|---|
| crop\\|land | 12 |

> Simulated

```python
load("<b>")
```
"""


def test_a_report_has_its_tables_and_figures_in_one_file() -> None:
    page = report_page(REPORT, "Area & accuracy", {"picture.png": b"\x89PNG"})
    assert "<title>Area &amp; accuracy</title>" in page
    assert "<strong>Area: 12 ha.</strong> See <code>card.md</code>." in page
    assert "<td>crop|land</td>\n<td>12</td>" in page
    picture = base64.b64encode(b"\x89PNG").decode()
    assert f'<figure><img alt="Estimates" src="data:image/png;base64,{picture}">' in page
    assert "<p><figure>" not in page
    assert "<blockquote>" in page and "load(&quot;&lt;b&gt;&quot;)" in page
    assert not re.findall('(?:src|href)="(?!data:)', page)


def test_what_is_no_report_is_shown_as_text() -> None:
    text = (
        "<script>alert(1)</script> <img src=x onerror=alert(1)>\n\n[a](javascript:alert(1))\n\n"
        '![b"><script>](http://host/x.png) ![c](data:image/svg+xml,x)'
    )
    page = report_page(text, "</title><script>", {})
    assert page.count("<script") == page.count("<img") == 0
    assert "javascript:" not in re.sub(r"\[a\]\(javascript:alert\(1\)\)", "", page)
    assert "http://host" not in page
    assert "default-src 'none'" in page
