"""A person's way: the demo page in headless Chromium, its sockets through the gateway."""

import shutil
import tempfile

from backend import dial
from harness import Skip, check, equal, eventually, expect
from processes import Child, accepts, free_port, output_of


async def start_demo(rig) -> tuple[Child, int, int]:
    """The demo, its gateway port and its page port."""
    listen, page = free_port(), free_port()
    demo = await Child.start(
        [str(rig.binary), "demo"]
        + ["--listen", f"127.0.0.1:{listen}", "--page", f"127.0.0.1:{page}"],
        rig.logs / "demo.log",
    )
    await eventually("the demo listens", lambda: demo.died() or (accepts(listen) and accepts(page)))
    expect(not demo.died(), f"the demo ended at once: {demo.output()}")
    return demo, listen, page


@check("the demo page opens echo and chat in Chromium, sends, receives and closes", deadline=60)
async def page(rig) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if not browser:
        raise Skip("no chromium on this machine")
    demo, _, page_port = await start_demo(rig)
    try:
        with tempfile.TemporaryDirectory(dir=rig.work) as profile:
            code, _, err = await output_of(
                ["node", rig.peer("page.js"), f"http://127.0.0.1:{page_port}/"]
                + [browser, profile, str(rig.work / "demo.png")],
                rig.node_env(),
            )
        expect(code == 0, err.strip() or f"exit code {code}")
    finally:
        await demo.end()


@check("the demo prints where it listens, serves, and ends cleanly when told to")
async def demo_ends(rig) -> None:
    demo, listen, page_port = await start_demo(rig)
    try:
        ports = (f":{listen}", f":{page_port}")
        await eventually(
            f"the demo prints {ports}", lambda: all(port in demo.output() for port in ports)
        )
        async with dial(f"ws://127.0.0.1:{listen}/echo") as client:
            await client.send("hello")
            equal(await client.recv(), "hello", "answer")
            code = await demo.end(gently=15)
            await client.wait_closed()
            equal(client.close_code, 1001, "close code when the demo ends")
        equal(code, 0, "exit code")
    finally:
        await demo.end()
