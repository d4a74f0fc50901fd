# SPDX-License-Identifier: Apache-2.0
"""xlsx_read: what test_xlsx wrote, read back with Python's zipfile and ElementTree alone.

    xlsx_read.py TEST_XLSX

Each cell must be what was given, of its type; formulas are worked out here and must say what is
written beside them.
"""
import datetime
import decimal
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
import zipfile

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
OFFICE = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
PACKAGE = "{http://schemas.openxmlformats.org/package/2006/relationships}"
TYPES = "{http://schemas.openxmlformats.org/package/2006/content-types}"
Decimal = decimal.Decimal


def unescape(text):
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found.group(1), 16)), text)


def column_of(name):
    number = 0
    for letter in re.match("[A-Z]+", name).group():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


class Cell:
    def __init__(self, element, formats):
        self.style = int(element.get("s", "0"))
        self.format, self.bold = formats[self.style]
        formula = element.find(MAIN + "f")
        self.formula = None if formula is None else formula.text
        value = element.find(MAIN + "v")
        if element.get("t") == "inlineStr":
            self.value = unescape(element.find(MAIN + "is").find(MAIN + "t").text or "")
        else:
            assert element.get("t") is None
            self.text = value.text
            self.value = Decimal(value.text)

    def time(self):
        return datetime.datetime(1899, 12, 30) + datetime.timedelta(
            microseconds=int((self.value * 86400 * 1000000).to_integral_value()))


class Sheet:
    def __init__(self, name, root, formats):
        self.name = name
        pane = root.find(f"{MAIN}sheetViews/{MAIN}sheetView/{MAIN}pane")
        self.frozen = (pane.get("ySplit"), pane.get("topLeftCell"), pane.get("state"))
        self.filter = root.find(MAIN + "autoFilter").get("ref")
        self.widths = [int(col.get("width")) for col in root.find(MAIN + "cols")]
        order = [child.tag[len(MAIN):] for child in root]
        wanted = ["sheetPr", "sheetViews", "sheetFormatPr", "cols", "sheetData", "autoFilter",
                  "pageMargins", "pageSetup"]
        assert order == wanted, order
        self.rows = {}
        before = 0
        for row in root.find(MAIN + "sheetData"):
            number = int(row.get("r"))
            assert number == before + 1, (number, before)
            before = number
            cells = {}
            for element in row:
                name = element.get("r")
                assert name.endswith(str(number)) and column_of(name) not in cells
                cells[column_of(name)] = Cell(element, formats)
            self.rows[number] = cells

    def column(self, column, first, last):
        return [self.rows[row][column].value if column in self.rows[row] else None
                for row in range(first, last + 1)]


class Book:
    def __init__(self, path):
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            parts = {name: ET.fromstring(archive.read(name)) for name in archive.namelist()}
        told = {override.get("PartName")[1:] for override in parts["[Content_Types].xml"].iter(
            TYPES + "Override")}
        assert told == set(parts) - {"[Content_Types].xml", "_rels/.rels",
                                     "xl/_rels/workbook.xml.rels"}
        styles = parts["xl/styles.xml"]
        codes = {int(one.get("numFmtId")): one.get("formatCode")
                 for one in styles.iter(MAIN + "numFmt")}
        codes.update({0: "General", 3: "#,##0", 4: "#,##0.00", 49: "@"})
        fonts = [font.find(MAIN + "b") is not None for font in styles.find(MAIN + "fonts")]
        formats = [(codes[int(xf.get("numFmtId"))], fonts[int(xf.get("fontId"))])
                   for xf in styles.find(MAIN + "cellXfs")]
        targets = {one.get("Id"): "xl/" + one.get("Target")
                   for one in parts["xl/_rels/workbook.xml.rels"].iter(PACKAGE + "Relationship")}
        self.sheets = [Sheet(one.get("name"), parts[targets[one.get(OFFICE + "id")]], formats)
                       for one in parts["xl/workbook.xml"].iter(MAIN + "sheet")]
        self.names = [(one.get("name"), int(one.get("localSheetId")), one.text)
                      for one in parts["xl/workbook.xml"].iter(MAIN + "definedName")]
        for sheet in self.sheets:
            assert sheet.frozen == ("1", "A2", "frozen")
            assert all(cell.bold for cell in sheet.rows[1].values())
            for cells in sheet.rows.values():
                for cell in cells.values():
                    if cell.formula:
                        worked = self.work_out(sheet, cell.formula)
                        assert worked == cell.value, (cell.formula, worked, cell.value)

    def span(self, sheet, text):
        found = re.fullmatch(r"(?:'(.+)'!)?([A-Z]+)(\d+):([A-Z]+)(\d+)", text)
        if found.group(1):
            sheet = next(one for one in self.sheets if one.name == found.group(1))
        assert found.group(2) == found.group(4)
        return sheet.column(column_of(found.group(2)), int(found.group(3)), int(found.group(5)))

    def work_out(self, sheet, formula):
        total = Decimal(0)
        for term in re.split(r"\+(?=SUM)", formula):
            plain = re.fullmatch(r"SUM\(([^,]+)\)", term)
            if plain:
                values = self.span(sheet, plain.group(1))
                total += sum(one for one in values if isinstance(one, Decimal))
                continue
            by, word, of = re.fullmatch(r'SUMIF\(([^,]+),"([A-Z]{3})",([^,]+)\)', term).groups()
            total += sum(number for key, number in zip(self.span(sheet, by), self.span(sheet, of))
                         if key == word and isinstance(number, Decimal))
        return total


def check_typed(book):
    sheet, = book.sheets
    assert sheet.name == "Breaks_ a_b"
    assert [sheet.rows[1][i].value for i in range(7)] == [
        "class", "line", "rows", "currency", "amount", "at (UTC)", "there (Asia/Shanghai)"]
    assert sheet.filter == "A1:G6" and sheet.widths[0] == 30
    assert sheet.column(0, 2, 6) == ["missing_here", '=HYPERLINK("http://x","y")', "+1",
                                     "@SUM(A1)", "-2"]
    assert all(sheet.rows[row][0].format == "@" for row in range(2, 7))
    assert sheet.column(1, 2, 6) == [7, 999999999999999, -5, "9007199254740993", 0]
    amounts = [sheet.rows[row][4] for row in range(2, 7)]
    assert [one.text for one in amounts] == ["19.99", "-0.10", "500", "1.234", "999999999999.99"]
    assert [one.format for one in amounts] == ["#,##0.00", "#,##0.00", "#,##0", "#,##0.000",
                                               "#,##0.00"]
    assert sheet.rows[2][5].time() == datetime.datetime(2025, 11, 20)
    assert sheet.rows[2][5].format == r"yyyy\-mm\-dd\ hh:mm:ss"
    assert sheet.rows[2][6].time() == datetime.datetime(2025, 11, 20, 8)
    assert 5 not in sheet.rows[3]
    shy = datetime.datetime(2025, 11, 20) - sheet.rows[4][5].time()
    assert datetime.timedelta(0) < shy < datetime.timedelta(microseconds=3)
    assert sheet.rows[5][5].value == "1900-01-01T00:00:00Z"  # before a serial number means it
    assert sheet.rows[6][5].time() == datetime.datetime(2000, 2, 29)
    assert [sheet.rows[row][0].value for row in range(7, 11)] == ["Total", "Total JPY", "Total KWD",
                                                                  "Total USD"]
    assert sheet.rows[7][2].formula == "SUM(C2:C6)" and sheet.rows[7][2].value == 15
    assert 1 not in sheet.rows[7] and 4 not in sheet.rows[7]
    assert sheet.rows[9][4].text == "1.234" and sheet.rows[9][4].format == "#,##0.000"
    assert sheet.rows[10][4].formula == 'SUMIF(D2:D6,"USD",E2:E6)'
    assert sheet.rows[10][4].text == "1000000000019.88" and sheet.rows[10][4].bold
    assert ("_xlnm._FilterDatabase", 0, "'Breaks_ a_b'!$A$1:$G$6") in book.names
    assert ("_xlnm.Print_Titles", 0, "'Breaks_ a_b'!$1:$1") in book.names


def check_hostile(book):
    sheet, = book.sheets
    assert sheet.name == "it_s <&> __"
    assert sheet.rows[1][0].value == '<title> & "more"'
    assert sheet.column(0, 2, 9) == [
        "</t></is></c><c><v>1</v>", "&amp; \"quoted\" 'and' <b>", "a\0b\x01\x1f\r\nc\td",
        "_x0041_ and _x41_ and _xZZZZ_", "��(���", "￾ 😀 金",
        "  two blanks  ", "]]>"]
    assert sheet.rows[10][0].value == "x" * 32767
    assert sheet.rows[11][0].value == "x" * 32766 + "…"
    assert len(sheet.rows) == 11


def check_wide(book):
    sheet, = book.sheets
    assert sheet.column(1, 2, 4) == [Decimal("6000000000000.00")] * 2 + [Decimal("0.01")]
    assert sheet.column(2, 2, 4) == [0, "-92233720368547758.08", Decimal("0.02")]
    totals = {row[0].value: row for row in list(sheet.rows.values())[4:]}
    assert totals["Total USD"][1].value == "12000000000000.01"  # 16 digits: told as text
    assert totals["Total USD"][2].value == "-92233720368547758.06"
    assert totals["Total USD"][4].value == "0.05"  # whose parts a formula would not see
    assert totals["Total KWD"][3].text == "0.003" and totals["Total KWD"][3].formula is None
    assert totals["Total JPY"][3].text == "3"


def check_parts(book):
    names = [sheet.name for sheet in book.sheets]
    assert names == ["A name of thirty-one characters", "A name of thirty-one charac (2)",
                     "A name of thirty-one charac (3)", "None"]
    assert all(len(name) <= 31 for name in names)
    assert [len(sheet.rows) for sheet in book.sheets] == [5, 5, 6, 1]
    assert [sheet.filter for sheet in book.sheets] == ["A1:D5", "A1:D5", "A1:D3", "A1:D1"]
    last = book.sheets[2].rows
    assert last[4][0].value == "Total" and last[4][3].value == 45
    assert last[5][0].value == "Total JPY" and last[5][2].value == 22
    assert last[6][0].value == "Total USD" and last[6][2].text == "0.33"
    assert last[6][2].formula.count("SUMIF") == 3


def check_many(book):
    sheet, = book.sheets
    rows = 100000
    amounts = [Decimal(number * 7919 % 100003) / 100 for number in range(rows)]
    assert sheet.column(1, 2, rows + 1) == amounts
    assert sheet.rows[rows + 2][1].value == sum(amounts)
    assert sheet.rows[rows + 2][1].formula == f"SUM(B2:B{rows + 1})"
    assert sheet.filter == f"A1:B{rows + 1}"


def main():
    checks = {"typed": check_typed, "hostile": check_hostile, "wide": check_wide,
              "parts": check_parts, "many": check_many}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.argv[1], folder], check=True)
        assert sorted(os.listdir(folder)) == sorted(name + ".xlsx" for name in checks)
        for name, check in checks.items():
            check(Book(os.path.join(folder, name + ".xlsx")))
    print("xlsx_read: what was written is what is read")


if __name__ == "__main__":
    main()
