"""A burst without httpx: the same requests through asyncio's streams.

burst.py runs it as bare_sockets.py AGENT_URL,…; asks all agents once, at the same time, and prints a JSON object.
"""

import asyncio
import json
import sys
import time


async def ask(agent: str, number: int) -> float:
    """Returns the adapter latency of one question, in ms."""
    began = time.perf_counter()
    message = {"messageId": str(number), "role": "user", "parts": [{"kind": "text", "text": f"Question {number}?"}]}
    body = json.dumps({"id": str(time.time_ns()), "params": {"message": message}}).encode()
    host, _, port = agent.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = (
        f"POST /message HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        f"Fanout-Question-Id: {number}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    response = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    await reader.readexactly(int(response.split("content-length: ")[1].split("\r\n")[0]))
    service = float(response.split("service;dur=")[1].split("\r\n")[0].split(",")[0])
    writer.close()
    return (time.perf_counter() - began) * 1000 - service


async def main(agents: list[str]) -> None:
    await asyncio.gather(*(ask(agents[0], number) for number in range(32)))  # warm-up, as in bare_script.py
    cpu = time.process_time()
    adapter_ms = await asyncio.gather(*(ask(agent, number) for number, agent in enumerate(agents)))
    cpu_ms = (time.process_time() - cpu) * 1000 / len(agents)
    print(json.dumps({"adapter_ms": adapter_ms, "cpu_ms": cpu_ms}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1].split(",")))
