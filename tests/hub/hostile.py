"""Texts that somebody may give as a name, in the hope that they become more than a text."""

from __future__ import annotations

HOSTILE = (
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'><svg onload=alert(1)>",
    "</title><script>alert(1)</script>", "</textarea><script>alert(1)</script>",
    "javascript:alert(1)", "<!--", "--><b>", "]]>", "<![CDATA[<b>]]>", "&lt;b&gt;", "&#60;b&#62;",
    "{{ 7*7 }}", "{% debug %}", "${7*7}", "#{7*7}", "%(s)s", "%s%s%n", "{0.__class__}", "`id`",
    "$(id)", "; rm -rf /", "| cat /etc/passwd", "' OR 1=1 --", "'; DROP TABLE sites_site; --",
    "\" OR \"\"=\"", "1 UNION SELECT 1", "\\'", "../../etc/passwd", "..\\..\\windows",
    "%2e%2e%2f", "%00", "file:///etc/passwd", "=1+1", "+1+1", "-1+1", "@SUM(A1)",
    "=cmd|' /C calc'!A0", "/etc/passwd",
    "a;b,c\td", "a\"b\"\"c", "null", "None", "undefined", "NaN", "true", "0", "-1", "1e309",
    "ＡＢＣ", "ﬃ", "İstanbul", "ß", "é", "e\u0301", "日本語", "العربية", "עברית", "🌱🔋", "👩‍🔬",
    "a\u202eb", "a\u200bb", "\ufeffa", "a\u00a0b", "a\u2028b", "x" * 80, "Ω" * 80, ".", "..", "~",
    "con", "aux.txt", "-", "--help", "*", "?", "[a-z]", "!", "\\", "http://evil.example/",
    "//evil.example", "<a href=//evil.example>x</a>", "<style>*{display:none}</style>",
    "<base href=//evil.example>", "<meta http-equiv=refresh content=0>", "<iframe src=//x>",
    "onmouseover=alert(1)", "\" autofocus onfocus=alert(1) x=\"", "<math><mi//xlink:href=x>",
    "<template><b>", "<plaintext>", "<noscript><b>", "<select><b>", "X-Evil: 1", "Set-Cookie: a=b",
    "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b2J", "a\x00b", "a\nb", "a\tb",
    "a\r\nSet-Cookie: x=y", "__proto__", "constructor", "toString", "hasOwnProperty", "＝1+1",
    "＠SUM(A1)", "$GPGGA", "$x^2$", "\\frac{1}{2}", "(a) Tj ET", "]]></svg>", "\\N{BULLET}",
    "a/b+c#d", "$SYS/broker", "\ud7ff\ue000",
)  # fmt: skip
