"""Material for believable people: names in many scripts, things that break careless readers, and values.

Nobody here is real: phone numbers are of the fictional 555 exchange and addresses are at example.com.
"""

from __future__ import annotations

PEOPLE: tuple[tuple[tuple[str, ...], tuple[str, ...], str], ...] = (
    (
        ("Emma", "Liam", "Olivia", "Noah", "Ava", "Mary Ann", "Grace", "Henry", "Ruth", "J.", "Walter", "Dolores"),
        ("Smith", "Johnson", "O'Brien", "Williams", "Garcia-Lopez", "Brown", "Davis", "McDonald", "St. John", "Lee"),
        "en",
    ),
    (
        ("José", "María", "Zoë", "François", "Søren", "Łukasz", "Jürgen", "Ñusta", "İpek", "Ngọc", "Þóra", "Chloë"),
        ("Nuñez", "Müller", "Lefèvre", "Kowalczyk-Żak", "Åkesson", "Çelik", "Đặng", "Novák", "D'Àvila", "Ibáñez"),
        "latin",
    ),
    (("Анна", "Дмитрий", "Ольга", "Фёдор"), ("Иванова", "Щербаков", "Соловьёв", "Юрченко"), "ru"),
    (("Ελένη", "Γιώργος", "Σοφία"), ("Παπαδοπούλου", "Οικονόμου", "Ιωάννου"), "el"),
    (("伟", "秀英", "子涵", "雨桐"), ("王", "李", "欧阳", "陳"), "zh"),
    (("さくら", "健太", "ハナコ", "翔"), ("佐藤", "鈴木", "髙橋", "渡邉"), "ja"),
    (("민준", "서연", "지우"), ("김", "이", "박"), "ko"),
    (("محمد", "فاطمة", "ليلى"), ("الحسن", "عبد الله", "حداد"), "ar"),
    (("נועה", "דוד", "תמר"), ("כהן", "לוי", "בן־דוד"), "he"),
    (("आरव", "प्रिया", "लक्ष्मी"), ("शर्मा", "पटेल", "सिंह"), "hi"),
    (("Sunny ☀️", "Kim 👩‍👩‍👧‍👦", "Ace🎸"), ("🌻", "Rivera 🇵🇷", "Li"), "emoji"),
)
"""First names, last names and the local part of an e-mail address, script by script."""

ODD_PEOPLE: tuple[tuple[str | None, str | None, str | None], ...] = (
    ('Robert "Bob"', "O'Hara, Jr.", "bob.ohara"),
    ("Back\\slash", "C:\\temp\\new", "back.slash"),
    ("Two\nLines", "Carriage\r\nReturn", "two.lines"),
    ("Tab\tbed", "  padded  ", "tab.bed"),
    ("<b>Bold</b>", "Ampersand & Sons", "bold+tag"),
    ("e\u0301clair", "zero\u200bwidth", "combining"),
    ("NULL", "null", "null"),
    ("1e10", "007", "double.o.seven"),
    ('"', ",", "punctuation"),
    (None, None, None),
    ("", "", None),
    ("Madonna", "", "madonna"),
    ('"optedOut":false', "optedOut", "json.inside"),
)
"""First name, last name and local part: quotes, commas, backslashes, line breaks, nothing at all."""

BIRTHDAYS = (None, "0001-01-01T00:00:00", "1985-04-12T00:00:00", "2000-02-29T00:00:00", "1900-01-01T00:00:00")
"""Kinds of birthday that every world has; old records read the sentinel."""

POSTAL_CODES = ("00501", "02134", "07030-1234", "K1A 0B1", "SW1A 1AA", "", "90210", "00000")

FIELDS: tuple[tuple[str, str, int | None, tuple[str, ...]], ...] = (
    ("Loyalty id", "Text", 20, ("00012345", "00000001", "0099-77")),
    ("Tier", "Text", 20, ("Gold", "Silver", "Bronze", "Platinum", "gold", "Brón ze")),
    ("Points", "Number", None, ("0", "10", "1250", "99.5", "-3.25", "1000000", "12.01")),
    ("VIP", "Checkbox", None, ("1", "0")),
    ("Last purchase", "Date", None, ("12/31/2020", "02/29/2024", "01/01/2026", "11/05/2025")),
    (
        "Favorite store",
        "Text",
        100,
        ("Main St, Lititz", 'The "Annex"', "東京 渋谷", "O'Fallon", "Köln\nDom", "C:\\Stores"),
    ),
    ("Lifetime value", "Number", None, ("0.5", "1999.99", "42", "7.1", "300")),
    ("Email opt-in", "Checkbox", None, ("1", "0")),
    ("Anniversary", "Date", None, ("06/15/1999", "10/10/2010", "09/01/2018")),
    (
        "Notes",
        "Text",
        255,
        ("likes, commas", "line one\nline two\r\nline three", 'says "hi"', "🙂 ok", "\\", "  spaces  "),
    ),
    ("Store number", "Text", 5, ("00042", "07", "00100", "9")),
    ("Shoe size", "Number", None, ("7.5", "10", "38", "11.25")),
)
"""Name, data type, maxLength in characters, and values as the API reads them back."""

DEAD_FIELDS = (("Old loyalty program", "Text", 50, "Disabled"), ("Fax", "Text", 20, "Purged"))

LISTS: tuple[tuple[str, float, bool, bool], ...] = (
    # name, share of the sender code's contacts, active, double opt-in
    ("All subscribers", 60, True, False),
    ("Sale alerts", 25, True, False),
    ("VIP & früher Zugang", 8, True, False),
    ("Back in stock, reminders", 4, True, False),
    ("Holiday 2019", 3, False, False),
    ("Confirmed only", 2, True, True),
    ("Not launched yet", 0, True, False),
    ("Test list (do not use)", 0, False, False),
)
"""The lists of a sender code when a world is not told how many."""

MERCHANTS = ("Sandbox Outfitters", "Sandbox Home & Garden", "Bac à Sable", "Sandkasten", "Песочница")

MESSAGES = (("Order shipped", "Active"), ("Password code", "Active"), ("Old receipt", "Inactive"))
