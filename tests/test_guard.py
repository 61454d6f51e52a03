"""The guard: hosts, origins, cookie, ticket, password, headers. Every request here is really made through the ASGI stack."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.testclient import TestClient

from tagtrainer.core.text import LANGUAGES, set_language
from tagtrainer.ui import login
from tagtrainer.ui.guard import Access, Guard, host_name

HOST = "127.0.0.1:7860"
SAME = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}
TYPED = {"sec-fetch-site": "none", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
LINK = {**TYPED, "sec-fetch-site": "cross-site"}


def behind() -> Any:
    """An app that answers everything, even with headers that would open it to others."""
    app = FastAPI()
    routes = APIRouter()

    @routes.api_route("/{path:path}", methods=["GET", "POST", "PUT", "DELETE"])
    def anything(path: str) -> Any:
        from fastapi.responses import JSONResponse

        opened = {"access-control-allow-origin": "*", "access-control-allow-credentials": "true"}
        return JSONResponse({"path": path}, headers=opened)

    app.include_router(routes)
    return app


def client(access: Access, peer: str = "127.0.0.1", **headers: str) -> TestClient:
    app = FastAPI()
    app.include_router(login.router(access, lambda request: "en"))
    app.mount("/", behind())
    guarded = Guard(app, access)
    found = TestClient(guarded, base_url=f"http://{HOST}", client=(peer, 50_000), follow_redirects=False)
    found.headers = {"host": HOST, **headers}
    return found


@pytest.fixture
def open_access() -> Access:
    return Access(port=7860, key="k" * 64)


@pytest.fixture
def closed_access() -> Access:
    return Access(port=7860, key="k" * 64, password="correct horse")


def entered(access: Access, **headers: str) -> TestClient:
    """A client that has opened the page on an app without a password."""
    found = client(access, **headers)
    assert found.get("/en/", headers=TYPED).status_code == 200
    assert access.cookie in found.cookies
    return found


# --- without a password, on this machine ---------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [TYPED, {}, {**TYPED, "sec-fetch-site": "same-origin"}])
@pytest.mark.parametrize("path", ["/", "/en/", "/zh-CN/", "/en"])
def test_opening_the_page_gives_the_cookie(open_access: Access, headers: dict[str, str], path: str) -> None:
    answer = client(open_access).get(path, headers=headers)
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "path=/" in cookie


@pytest.mark.parametrize(
    "path", ["/api/datasets/x/items", "/en/config", "/en/gradio_api/info", "/docs", "/openapi.json"]
)
def test_nothing_else_is_served_without_the_cookie(open_access: Access, path: str) -> None:
    answer = client(open_access).get(path, headers=SAME)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert answer.json()["message"]


def test_with_the_cookie_everything_works(open_access: Access) -> None:
    inside = entered(open_access)
    assert inside.get("/api/x", headers=SAME).json() == {"path": "api/x"}
    assert inside.post("/api/x", headers={**SAME, "origin": f"http://{HOST}"}).status_code == 200
    assert inside.post("/api/x").status_code == 200  # a program that was given the cookie


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_pages_get_nothing(open_access: Access, site: str) -> None:
    """Not even from another port of this machine, whose requests do carry a strict cookie."""
    inside = entered(open_access)
    foreign = {"sec-fetch-site": site, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
    assert inside.get("/api/x", headers=foreign).status_code == 403
    assert inside.get("/en/", headers=foreign).status_code == 403
    assert inside.post("/api/x", headers=foreign).status_code == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:3000", "https://127.0.0.1.evil.example", "http://", ""]
)
def test_foreign_origins_change_nothing(open_access: Access, origin: str) -> None:
    inside = entered(open_access)
    assert inside.post("/api/x", headers={"origin": origin}).status_code == 403
    assert inside.put("/api/x", headers={"origin": origin}).status_code == 403
    assert inside.delete("/api/x", headers={"origin": origin}).status_code == 403


def test_a_link_from_elsewhere_bounces_through_our_own_page(open_access: Access) -> None:
    answer = client(open_access).get("/", headers=LINK)
    assert answer.status_code == 200 and "http-equiv" in answer.text
    assert "set-cookie" not in answer.headers


def test_a_frame_elsewhere_gets_nothing(open_access: Access) -> None:
    framed = {**LINK, "sec-fetch-dest": "iframe"}
    assert client(open_access).get("/", headers=framed).status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7860", "192.168.1.5:7860", "127.0.0.1.nip.io", "", "a b"]
)
def test_unknown_hosts_are_refused(open_access: Access, host: str) -> None:
    answer = client(open_access).get("/", headers={"host": host})
    assert answer.status_code == 421
    assert "--allow-host" in answer.json()["message"]


@pytest.mark.parametrize("host", ["localhost:7860", "LOCALHOST:9999", "[::1]:7860", "127.0.0.1", "localhost."])
def test_local_names_are_known(open_access: Access, host: str) -> None:
    assert client(open_access).get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host"])
def test_a_proxy_without_a_password_gets_a_sentence(open_access: Access, header: str) -> None:
    answer = client(open_access).get("/", headers={header: "203.0.113.9"})
    assert answer.status_code == 403 and "TAGTRAINER_PASSWORD" in answer.json()["message"]


def test_another_machine_without_a_password_gets_a_sentence(open_access: Access) -> None:
    assert client(open_access, peer="203.0.113.9").get("/").status_code == 403


def test_answers_are_hardened(open_access: Access) -> None:
    answer = entered(open_access).get("/api/x", headers={"origin": f"http://{HOST}"})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "connect-src 'self'" in answer.headers["content-security-policy"]


def test_websockets_are_closed(open_access: Access) -> None:
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), entered(open_access).websocket_connect("/ws"):
        pass


@pytest.mark.parametrize(
    "forge", ["", "x", "9999999999.", "9999999999.deadbeef", "1.0", "é.é", "9999999999.é", "²²²²²²²²²².x"]
)
def test_forged_cookies_are_refused(open_access: Access, forge: str) -> None:
    inside = client(open_access)
    assert inside.get("/api/x", headers={"cookie": f"{open_access.cookie}={forge}".encode()}).status_code == 401


def test_a_session_ends(open_access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    value = open_access.session()
    assert open_access.admits(value)
    import time

    later = time.time() + 31 * 86_400
    monkeypatch.setattr(time, "time", lambda: later)
    assert not open_access.admits(value)


def test_a_session_is_good_for_one_port_one_key_one_password(open_access: Access, closed_access: Access) -> None:
    value = open_access.session()
    assert not closed_access.admits(value)
    assert not Access(port=7861, key="k" * 64).admits(value)
    assert not Access(port=7860, key="other").admits(value)
    assert Access(port=7860, key="k" * 64).admits(value)  # a restarted app knows it still


# --- with a password -----------------------------------------------------------------------------------------------


def test_the_page_leads_to_the_log_in(closed_access: Access) -> None:
    outside = client(closed_access)
    assert outside.get("/", headers=TYPED).headers["location"] == "login"
    assert outside.get("/zh-CN/", headers=TYPED).headers["location"] == "../login?lang=zh-CN"
    assert outside.get("/api/x", headers=SAME).status_code == 401
    assert outside.post("/api/x", headers=SAME).status_code == 401


def test_the_password_opens(closed_access: Access) -> None:
    outside = client(closed_access)
    answer = outside.post("/login?lang=en", data={"password": "correct horse"}, headers=SAME)
    assert answer.status_code == 303 and answer.headers["location"] == "en/"
    assert "samesite=strict" in answer.headers["set-cookie"].lower()
    assert outside.get("/api/x", headers=SAME).status_code == 200
    outside.post("/api/logout", headers=SAME)
    outside.cookies.clear()
    assert outside.get("/api/x", headers=SAME).status_code == 401


def test_over_https_the_cookie_is_secure(closed_access: Access) -> None:
    outside = client(closed_access, **{"x-forwarded-proto": "https"})
    answer = outside.post("/login", data={"password": "correct horse"})
    assert "secure" in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize("given", ["", "wrong", "correct horse ", "é" * 50, "x" * 10_000])
def test_wrong_passwords_do_not(closed_access: Access, given: str) -> None:
    answer = client(closed_access).post("/login", data={"password": given}, headers=SAME)
    assert answer.status_code == 401 and "set-cookie" not in answer.headers


def test_the_log_in_takes_nothing_from_other_pages(closed_access: Access) -> None:
    answer = client(closed_access).post(
        "/login", data={"password": "correct horse"}, headers={"origin": "http://evil.example"}
    )
    assert answer.status_code == 403


def test_guessing_is_slowed_down(closed_access: Access) -> None:
    outside = client(closed_access)
    answers = [outside.post("/login", data={"password": "no"}).status_code for _ in range(5)]
    assert answers[:3] == [401, 401, 401]
    assert answers[3:] == [429, 429]
    assert outside.post("/login", data={"password": "correct horse"}).status_code == 429  # also the right one waits


def test_the_wait_grows_and_ends() -> None:
    now = [0.0]
    throttle = login.Throttle(clock=lambda: now[0])
    waits = []
    for _ in range(12):
        throttle.failed("a")
        waits.append(throttle.wait("a"))
        now[0] += throttle.wait("a")
    assert waits[:6] == [0, 0, 1, 2, 4, 8]
    assert max(waits) == login.LONGEST_WAIT
    assert throttle.wait("b") == 0
    throttle.passed("a")
    assert throttle.wait("a") == 0


def test_the_printed_link_opens_once(closed_access: Access) -> None:
    address = f"/?ticket={closed_access.ticket}"
    first = client(closed_access)
    answer = first.get(address, headers=TYPED)
    assert answer.status_code == 303 and closed_access.cookie in first.cookies
    assert first.get("/api/x", headers=SAME).status_code == 200
    second = client(closed_access)
    assert second.get(address, headers=TYPED).headers["location"] == "login"
    assert second.get("/?ticket=", headers=TYPED).headers["location"] == "login"


@pytest.mark.parametrize("code", list(LANGUAGES))
def test_the_log_in_page_speaks(closed_access: Access, code: str) -> None:
    text = client(closed_access).get(f"/login?lang={code}").text
    assert f'lang="{code}"' in text and "login." not in text
    assert ("密码" in text) == (code == "zh-CN")
    set_language("en")


def test_wide_apps_answer_to_addresses_and_named_hosts() -> None:
    access = Access(port=7860, key="k", password="p", wide=True, hosts={"gpu-box", "abc.gradio.live"})
    for host in ("192.168.1.5:7860", "[2001:db8::1]:7860", "gpu-box:7860", "abc.gradio.live"):
        assert client(access, peer="203.0.113.9").get("/login", headers={"host": host}).status_code == 200
    assert client(access).get("/login", headers={"host": "evil.example"}).status_code == 421


@pytest.mark.parametrize(
    ("header", "name"),
    [("Example.org:1", "example.org"), ("[::1]:80", "::1"), ("a.b.", "a.b"), ("", ""), ("[", ""), ("x:y:z", "x")],
)
def test_host_names(header: str, name: str) -> None:
    assert host_name(header) == name
