"""What pages of other origins can do to a server, in a real browser, told by the network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Response

from tests.browser.chromium import DEADLINE_MS, EVIL
from tests.browser.foreign import serve_empty_pages
from tests.integration.servers import Server
from tests.sections import read_sections

TEXTS = dict(read_sections(Path(__file__).with_name("foreign_pages.txt")))

#: As the documentation of NEST Server has it, and what came after XMLHttpRequest. Gives status
#: and text of the answer, 0 and nothing if the browser does not show it to the page.
RECIPES = {
    "XMLHttpRequest": """
        ([url, body, headers]) => new Promise(resolve => {
          const request = new XMLHttpRequest();
          request.onloadend = () => resolve([request.status, request.responseText]);
          request.open("POST", url);
          for (const [name, value] of Object.entries(headers)) {
            request.setRequestHeader(name, value);
          }
          request.send(JSON.stringify(body));
        })
    """,
    "fetch": """
        async ([url, body, headers]) => {
          try {
            const reply = await fetch(url, {method: "POST", headers, body: JSON.stringify(body)});
            return [reply.status, await reply.text()];
          } catch {
            return [0, ""];
          }
        }
    """,
}
HEADERS = {
    "Access-Control-Allow-Headers": "Origin, X-Requested-With, Content-Type, Accept",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS",
    "Content-Type": "application/json",
}
SCRIPT = {"source": "import nest\nnest.ResetKernel()\nprint('reset')", "return": ""}

FORM = TEXTS["form"]
#: Whatever comes is no image, and is not shown to anyone.
IMAGE = """
    url => new Promise(resolve => {
      const image = Object.assign(new Image(), {src: url, onload: resolve, onerror: resolve});
      document.body.append(image);
    })
"""

#: Path, type of the form, name and value of its field: each of them resets the kernel.
FORMS = [
    # Without a name the field is not sent, and the call has no arguments.
    ("/api/ResetKernel", "application/x-www-form-urlencoded", "", ""),
    ("/exec", "application/x-www-form-urlencoded", "source", SCRIPT["source"]),
    ("/exec", "multipart/form-data", "source", SCRIPT["source"]),
    ("/exec", "text/plain", '{"source": "import nest; nest.ResetKernel()", "x": "', '"}'),
]
IMAGES = ["/api/ResetKernel", "/exec?source=import%20nest;%20nest.ResetKernel()"]
IDS = [f"{path} as {kind}" for path, kind, *_ in FORMS]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where somebody else's pages are."""
    with serve_empty_pages() as found:
        yield found


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab that nobody has used before."""
    with browser.new_context() as context:
        context.set_default_timeout(DEADLINE_MS)
        yield context.new_page()


@pytest.fixture(params=["with a token", "without authentication"])
def either(request: pytest.FixtureRequest) -> Server:
    """A server with three nodes, as it starts by default and with authentication off."""
    name = "server" if request.param == "with a token" else "open_server"
    found: Server = request.getfixturevalue(name)
    found.call("Create", ["iaf_psc_alpha", 3])
    return found


def nodes(server: Server) -> Any:
    return server.call("GetNodes")


def send(page: Page, recipe: str, server: Server) -> list[Any]:
    """Send the script that resets the kernel; gives what the page gets to see."""
    headers = HEADERS | ({"NESTServerAuth": server.token} if server.token else {})
    url = f"http://localhost:{server.port}/exec"
    answer: list[Any] = page.evaluate(RECIPES[recipe], [url, SCRIPT, headers])
    return answer


@pytest.mark.parametrize("recipe", RECIPES)
def test_documented_recipe_runs_on_pages_of_this_machine(
    page: Page, port: int, either: Server, recipe: str
) -> None:
    page.goto(f"http://localhost:{port}/")
    assert send(page, recipe, either) == [200, '{"data":null,"stdout":"reset\\n"}']
    assert nodes(either) == []


@pytest.mark.parametrize("recipe", RECIPES)
def test_documented_recipe_without_the_token_is_told_so(
    page: Page, port: int, server: Server, recipe: str
) -> None:
    server.call("Create", ["iaf_psc_alpha", 3])
    page.goto(f"http://localhost:{port}/")
    anonymous = Server(server.runtime, server.port, None)
    assert send(page, recipe, anonymous) == [403, "Unauthorized"]
    assert nodes(server) == [1, 2, 3]


@pytest.mark.parametrize("recipe", RECIPES)
def test_same_recipe_is_refused_on_a_page_whose_name_begins_alike(
    page: Page, port: int, either: Server, recipe: str
) -> None:
    page.goto(f"http://{EVIL}:{port}/")
    # Even with the token: its preflight gets no leave.
    assert send(page, recipe, either) == [0, ""]
    assert nodes(either) == [1, 2, 3]


def submit(page: Page, server: Server, form: tuple[str, str, str, str]) -> Response:
    path, *rest = form
    url = f"http://localhost:{server.port}{path}"
    with page.expect_response(url) as answered:
        page.evaluate(FORM, [url, *rest])
    return answered.value


@pytest.mark.parametrize("form", FORMS, ids=IDS)
def test_form_of_a_foreign_page_changes_nothing(
    page: Page, port: int, either: Server, form: tuple[str, str, str, str]
) -> None:
    page.goto(f"http://{EVIL}:{port}/")
    # The server itself has refused, not the browser.
    assert submit(page, either, form).status == 403
    assert nodes(either) == [1, 2, 3]


@pytest.mark.parametrize("path", IMAGES)
def test_image_on_a_foreign_page_changes_nothing(
    page: Page, port: int, either: Server, path: str
) -> None:
    page.goto(f"http://{EVIL}:{port}/")
    url = f"http://localhost:{either.port}{path}"
    page.evaluate(IMAGE, url)
    assert nodes(either) == [1, 2, 3]


@pytest.mark.parametrize("form", FORMS, ids=IDS)
def test_the_same_form_works_on_a_page_of_this_machine_with_authentication_off(
    page: Page, port: int, open_server: Server, form: tuple[str, str, str, str]
) -> None:
    open_server.call("Create", ["iaf_psc_alpha", 3])
    page.goto(f"http://localhost:{port}/")
    # So what is refused above would have done it.
    assert submit(page, open_server, form).status == 200
    assert nodes(open_server) == []


@pytest.mark.parametrize("path", IMAGES)
def test_an_image_on_a_page_of_this_machine_has_no_effect_either(
    page: Page, port: int, open_server: Server, path: str
) -> None:
    open_server.call("Create", ["iaf_psc_alpha", 3])
    page.goto(f"http://localhost:{port}/")
    page.evaluate(IMAGE, f"http://localhost:{open_server.port}{path}")
    # Browsers send an image's request without the origin that may call.
    assert nodes(open_server) == [1, 2, 3]
    open_server.call("ResetKernel")


def test_name_that_leads_to_this_machine_is_not_that_of_the_server(
    page: Page, open_server: Server
) -> None:
    # The page that anyone gets, under a name of somebody else (DNS rebinding).
    page.goto(f"http://{EVIL}:{open_server.port}/")
    asked = "path => fetch(path).then(async reply => [reply.status, (await reply.json()).error])"
    for path in ("/api/GetNodes", "/exec?source=x", "/api/ResetKernel"):
        assert page.evaluate(asked, path) == [403, "Refused"]
