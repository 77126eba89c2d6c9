"""Files like those that Locust writes, in all of its versions."""

from __future__ import annotations

from pathlib import Path

HEADER = (
    "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,"
    "Max Response Time,Average Content Size,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%\n"
)
A2A = "a2a,a2a-tuned,100,3,3.2,14.5,1.8,66.0,268,29,0,3,4,5,6,7,44,45,46,60,61,66\n"
GET = "GET,/x,7,0,1.0,2.0,1.0,3.0,10,1,0,1,1,1,1,1,2,2,2,3,3,3\n"
TOTAL = ",Aggregated,107,3,3.0,14.0,1.0,66.0,250,30,0,3,4,5,6,7,40,45,46,60,61,66\n"


V0_13 = (
    '"Type","Name","# requests","# failures","Median response time","Average response time","Min response time",'
    '"Max response time","Average Content Size","Requests/s","Requests Failed/s","50%","66%","75%","80%","90%","95%",'
    '"98%","99%","99.9%","99.99%","99.999","100%"\n'
    '"GET","/a",200,0,30,34,3,90,20,9.50,0.00,30,34,40,45,60,70,80,85,88,89,90,90\n'
    '"None","Aggregated",200,0,30,34,3,90,20,9.50,0.00,30,34,40,45,60,70,80,85,88,89,90,90'
)
V0_12_REQUESTS = (
    '"Method","Name","# requests","# failures","Median response time","Average response time","Min response time",'
    '"Max response time","Average Content Size","Requests/s"\n'
    '"GET","/a",200,3,30,34,3,90,20,9.50\n"GET","Total",100,0,20,24,3,80,20,9.50\n'
    '"None","Total",300,3,30,34,3,90,20,19.00'
)
V0_12_DISTRIBUTION = (
    '"Name","# requests","50%","66%","75%","80%","90%","95%","98%","99%","100%"\n'
    '"GET /a",200,30,34,40,45,60,70,80,85,90\n'
)
HISTORY = (
    "Timestamp,User Count,Type,Name,Requests/s,Failures/s,50%,95%,100%,Total Request Count,Total Failure Count,"
    "Total Median Response Time,Total Average Response Time,Total Min Response Time,Total Max Response Time,"
    "Total Average Content Size\n"
    "1774000000,1,,Aggregated,0.000000,0.000000,N/A,N/A,N/A,0,0,0,0.0,0,0,0\n"
    "1774000001,2,GET,/a,9.500000,0.500000,31,71,91,200,9,31,34.5,3,91,20\n"
    "1774000001,2,,Aggregated,9.500000,0.500000,30,70,90,200,9,30,34.5,3,90,20\n"
    "1774000002,4,,Aggregated,19.000000,0.000000,40,80,95,400,9,30,34.5,3,90,20\n"
)
HISTORY_V0_13 = (
    '"Type","Name","Timestamp","# requests","# failures","Requests/s","Requests Failed/s","Median response time",'
    '"Average response time","Min response time","Max response time","Average Content Size","50%","95%","99.999",'
    '"100%"\n'
    '"None","Aggregated","1574000000",0,0,0.00,0.00,0,0,0,0.00,0.00,"N/A","N/A","N/A","N/A"\n'
    '"None","Aggregated","1574000001",9,0,9.50,0.25,30,34,3,90.00,20.00,30,70,89,90\n'
)
FAILURES = "Method,Name,Error,Occurrences,First Seen,Last Seen\nGET,/a,ReadTimeout(),3,,\n"
EXCEPTIONS = "Count,Message,Traceback,Nodes\n1,boom,File x,local\n"
JSON = '[\n    {\n        "name": "/a",\n        "num_requests": 3,\n        "response_times": {"30": 3}\n    }\n]'
HTML = "<!DOCTYPE html>\n<html><head><title>Locust</title></head></html>"


def excel(text: str) -> str:
    """The text as Excel saves it where the decimal sign is a comma: with semicolons and Windows' ends of lines."""
    lines = (line.split(",") for line in text.replace('"', "").splitlines())
    decimal = (";".join(cell.replace(".", ",") if cell[:1].isdigit() else cell for cell in cells) for cells in lines)
    return "\ufeff" + "\r\n".join(decimal) + "\r\n"


def stats(path: Path, *rows: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(rows), encoding="utf-8")
    return path
