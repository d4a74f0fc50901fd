# SPDX-License-Identifier: Apache-2.0
"""scenes_statements.py: statements that are given by hand, and fetched."""
import base64
import csv
import hashlib
import io
import zipfile

HEAD = ("gateway_id,reference,original_id,original_reference,batch,kind,status,currency,gross,fee,"
        "net,time,method,description\n")
NOWHERE = "upl_01JD5R6Q6Y0V3M8X2K4N7T9BCF"


def begun(service, text, status=201, **more):
    data = text.encode()
    return service.expect(status, "createStatementUpload", body={
        "gateway": "stripe-a", "name": "scene.csv", "byte_count": len(data),
        "sha256": hashlib.sha256(data).hexdigest(), **more})


def part(service, upload, text, number=0, status=200):
    return service.expect(status, "addStatementUploadPart", [upload["id"]], body={
        "number": number, "content": base64.b64encode(text.encode()).decode()})


def ended(service, upload):
    return service.await_that("it was taken in or refused", lambda: next(
        (found for found in [service.expect(200, "getStatementUpload", [upload["id"]])]
         if found["state"] in ("taken", "refused")), None))


def statements_that_are_given(service):
    text = HEAD + "s1,A-1,,,,charge,done,USD,100,3,97,2026-09-01T10:00:00Z,card,tea\n"
    upload = begun(service, text)
    assert upload["state"] == "open" and upload["part_count"] == 1, upload
    assert begun(service, text, status=200)["id"] == upload["id"]
    service.expect(409, "completeStatementUpload", [upload["id"]])
    part(service, upload, "x" + text[1:])
    part(service, upload, text, status=409)
    spoilt = upload
    upload = begun(service, text, name="scene-2.csv")
    assert part(service, upload, text)["parts_here"] == 1
    part(service, upload, text, number=1, status=422)
    assert service.expect(202, "completeStatementUpload", [upload["id"]])["state"] == "taking"
    taken = ended(service, upload)
    assert taken["state"] == "taken" and taken["error"] is None, taken
    statement = taken["files"][0]["statement_id"]
    assert service.expect(200, "completeStatementUpload", [upload["id"]])["state"] == "taken"
    service.expect(202, "completeStatementUpload", [spoilt["id"]])
    refused = ended(service, spoilt)
    assert refused["state"] == "refused" and "SHA-256" in refused["error"]["detail"], refused
    for name in ("getStatementUpload", "completeStatementUpload"):
        service.expect(404, name, [NOWHERE])
    part(service, {"id": NOWHERE}, text, status=404)
    begun(service, text, status=404, gateway="nobody")
    begun(service, text, status=422, supersedes=statement)

    listed = service.expect(200, "listStatements", query="gateway=stripe-a&state=taken&limit=1")
    assert listed["data"][0]["id"] == statement, listed
    service.expect(422, "listStatements", query="state=lost")
    found = service.expect(200, "listStatements", query=f"q={listed['data'][0]['id'][4:].lower()}")
    assert [one["id"] for one in found["data"]] == [listed["data"][0]["id"]], found
    assert not service.expect(200, "listStatements", query="q=no%25such")["data"]
    service.await_that("a run has looked at it", lambda: service.expect(
        200, "getStatement", [statement])["unseen_rows"] == 0)
    rows = service.expect(200, "listStatementRows", [statement], query="limit=1&after=0")
    assert rows["data"][0]["class"] == "missing_here" and rows["data"][0]["gross"] == 100, rows
    assert not service.expect(200, "listStatementRows", [statement], query="class=matched")["data"]
    service.expect(422, "listStatementRows", [statement], query="class=nonsense")
    table = list(csv.reader(io.StringIO(service.expect(
        200, "exportStatementRows", [statement]).body.decode(), newline="")))
    head, total = table[0], table[-1]
    assert total[0] == f"total of {len(table) - 2}", total
    for column in ("gross", "fee", "net"):
        at = head.index(column)
        assert round(sum(float(row[at] or 0) for row in table[1:-1]) - float(total[at]), 2) == 0
    book = service.expect(200, "exportStatementRows", [statement], query="format=xlsx&limit=1")
    with zipfile.ZipFile(io.BytesIO(book.body)) as packed:
        sheet = packed.read("xl/worksheets/sheet1.xml").decode()
        assert "state=\"frozen\"" in sheet and "SUMIF(" in sheet, sheet
    service.expect(422, "exportStatementRows", [statement], query="format=pdf")
    service.expect(422, "exportStatementRows", [statement], query="class=nonsense")
    for name in ("getStatement", "listStatementRows", "exportStatementRows"):
        service.expect(404, name, ["stm_01JD5R6Q6Y0V3M8X2K4N7T9BCF"])

    # The same rows in other bytes tell nothing new.
    other = text.replace(",tea\n", ",coffee\n")
    upload = begun(service, other, name="scene-3.csv")
    part(service, upload, other)
    service.expect(202, "completeStatementUpload", [upload["id"]])
    refused = ended(service, upload)
    assert refused["state"] == "refused" and statement in refused["error"]["hint"], refused

    why = {"reason": "the statement of another account"}
    service.expect(422, "withdrawStatement", [statement], body={"reason": ""})
    service.expect(404, "withdrawStatement", ["stm_01JD5R6Q6Y0V3M8X2K4N7T9BCF"], body=why)
    withdrawn = service.expect(200, "withdrawStatement", [statement], body=why)
    assert withdrawn["state"] == "withdrawn" and withdrawn["withdrawn_by"], withdrawn
    service.expect(409, "withdrawStatement", [statement], body=why)
    listed = service.expect(200, "listStatements", query="state=withdrawn")
    assert listed["data"][0]["withdrawn_reason"] == why["reason"], listed


def statements_that_are_fetched(service):
    asked = service.expect(202, "fetchStatement", body={"gateway": "stripe-a", "day": "2026-09-01"})
    assert asked["data"][0]["state"] == "waiting", asked
    listed = service.await_that("it was tried", lambda: next(
        (found for found in [service.expect(
            200, "listStatementFetches", query="gateway=stripe-a&day=2026-09-01")]
         if found["data"][0]["attempts"] > 0), None))
    assert listed["data"][0]["error"] and listed["gateways"][0]["next_at"], listed
    service.expect(202, "fetchStatement", body={
        "gateway": "stripe-a", "day": "2026-09-01", "again": True})
    service.expect(200, "listStatementFetches", query="state=waiting&limit=1")
    service.expect(422, "listStatementFetches", query="state=lost")
    wrong = {"gateway": "bank-a", "day": "2026-09-01"}
    service.expect(409, "fetchStatement", body=wrong)
    service.expect(404, "fetchStatement", body={**wrong, "gateway": "nobody"})
    for more in ({"day": "2026-02-30"}, {"day": "2999-01-01"}, {"kind": "nonsense"},
                 {"again": "yes"}):
        service.expect(422, "fetchStatement", body={**wrong, "gateway": "stripe-a", **more})
