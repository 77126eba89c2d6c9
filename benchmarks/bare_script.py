"""The smallest client that asks the same questions: asyncio, httpx and one loop per agent over a shared queue.

fidelity.py, overhead.py and burst.py run it as bare_script.py AGENT_URL,… QUESTIONS MAX_CONNECTIONS MAX_KEEPALIVE. It
prints a JSON object.
"""

import asyncio
import json
import sys
import time
from collections import deque

import httpx


async def main(agents: list[str], questions: int, limits: httpx.Limits) -> None:
    queue = deque(range(1, questions + 1))
    adapter_ms: list[float] = []
    async with httpx.AsyncClient(
        trust_env=False
    ) as client:  # warm-up: CPython specializes code that has run a few times
        await asyncio.gather(*(client.get(f"{agents[0]}/health") for _ in range(32)))
    async with httpx.AsyncClient(limits=limits, timeout=60, trust_env=False) as client:

        async def serve(agent: str) -> None:
            while queue:
                number = queue.popleft()
                text = f"Question {number} of {questions}: what did agent number {number} find out?"
                began = time.perf_counter()
                message = {"messageId": str(number), "role": "user", "parts": [{"kind": "text", "text": text}]}
                body = {"id": str(time.time_ns()), "params": {"message": message}}
                response = await client.post(f"{agent}/message", json=body, headers={"Fanout-Question-Id": str(number)})
                response.json()["events"][0]["parts"][0]["text"]
                round_trip_ms = (time.perf_counter() - began) * 1000
                service = response.headers["server-timing"].split("service;dur=")[1].split(",")[0]
                adapter_ms.append(round_trip_ms - float(service))

        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(serve(agent) for agent in agents))
        cpu_ms = (time.process_time() - cpu) * 1000 / questions
        wall_s = time.perf_counter() - wall
    print(json.dumps({"adapter_ms": adapter_ms, "cpu_ms": cpu_ms, "wall_s": wall_s}))


if __name__ == "__main__":
    addresses, count, most, kept = sys.argv[1:]
    pool = httpx.Limits(max_connections=int(most), max_keepalive_connections=int(kept))
    asyncio.run(main(addresses.split(","), int(count), pool))
