"""``make reference``: write the reference anew."""

from __future__ import annotations

from tools.reference import ROOT, made

for file, text in made():
    if not file.exists() or file.read_text("utf-8") != text:
        file.write_text(text, "utf-8")
        print(f"Wrote {file.relative_to(ROOT)}.")
