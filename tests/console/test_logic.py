"""The page's cores, run where they live: in Chromium."""

from typing import Any

import pytest
from playwright.async_api import Page

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def run(page: Page, module: str, expression: str, argument: Any = None) -> Any:
    """Evaluate `expression` with the module's exports as `m` and `argument` as `a`."""
    return await page.evaluate(
        f"async (a) => {{ const m = await import('/js/{module}.js'); return {expression}; }}", argument
    )


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("青川县应急指挥中心会商室", 12, "青川县应急指挥中心会商室"),
        ("青川县应急指挥中心会商室", 9, "青川县应…心会商室"),
        ("青川县应急指挥中心会商室", 1, "青…"),
        ("𠮷𠮷𠮷𠮷𠮷𠮷", 5, "𠮷𠮷…𠮷𠮷"),
        ("A", 0, "A…"),
        ("", 0, ""),
    ],
)
async def test_names_are_cut_in_the_middle(blank: Page, text: str, width: int, expected: str) -> None:
    got = await run(blank, "names", "m.cutMiddle(a[0], a[1], (text) => Array.from(text).length)", [text, width])
    assert got == expected


@pytest.mark.parametrize(
    ("source", "tag"),
    [
        ({"name": "县消防救援大队一号无人机"}, "drone"),
        ({"name": "竹园镇人民政府会议室"}, "township"),
        ({"name": "青川县应急指挥中心"}, "county"),
        ({"name": "省应急管理厅"}, "province"),
        ({"name": "卫星电话"}, "phone"),
        ({"name": "大坝村"}, "village"),
        ({"name": "大坝村村委会"}, "village"),
        ({"name": "中村街道办事处"}, "township"),
        ({"name": "利州区指挥中心"}, "county"),
        ({"name": "广元市应急管理局"}, "city"),
        ({"name": "Qingchuan county command"}, "county"),
        ({"name": "小区监控"}, "video"),
        ({"name": "阳光小区值班室"}, "video"),
        ({"name": "农贸市场"}, "video"),
        ({"name": "市场值班室"}, "video"),
        ({"name": "乡村公路三号"}, "video"),
        ({"name": "镇江路口"}, "video"),
        ({"name": "x", "level": "village"}, "village"),
        ({"name": "x", "level": "__proto__"}, "video"),
        ({"name": "x", "tracks": ["audio"]}, "audio"),
        ({"name": "x", "kind": "drone", "level": "county"}, "drone"),
        ({"name": "x", "kind": "__proto__", "level": "county"}, "county"),
        ({"name": "x", "kind": "room", "level": "township"}, "township"),
        ({"name": None}, "video"),
    ],
)
async def test_tag_says_level_or_kind(blank: Page, source: dict[str, Any], tag: str) -> None:
    assert await run(blank, "names", "m.tagOf(a)", source) == tag


async def test_time_of_day_is_utc_plus_eight_everywhere(blank: Page) -> None:
    assert await run(blank, "clock", "m.timeOfDay(Date.UTC(2026, 10, 20, 19, 12, 44, 999))") == "03:12:44"
    assert await run(blank, "clock", "m.dateOf(Date.UTC(2026, 10, 20, 19, 12, 44))") == "2026-11-21"


async def test_server_clock_believes_the_quickest_answer(blank: Page) -> None:
    got = await run(
        blank,
        "clock",
        """(() => {
          const clock = new m.ServerClock();
          const before = clock.utc(0, 42);
          clock.sample(10_000, 0, 900); clock.sample(11_005, 1000, 1010); clock.sample(NaN, 0, 0);
          for (let i = 0; i < 3; i++) clock.sample(50_000, 2000, 4000);
          return [before, clock.utc(2000, 42)];
        })()""",
    )
    assert got == [42, 12_000]


SINCE_MS = 1_795_230_764_000
LIVE = {"state": "live", "since_us": SINCE_MS * 1000, "tracks": []}
NOTHING = {"video": False, "audio": False}
SOUND = {"video": False, "audio": True}
FACTS = {
    "source": LIVE,
    "asks": {"video": True, "audio": False},
    "link": "connected",
    "refused": False,
    "held": False,
    "heldAt": 0,
    "noRoomAt": 0,
    "pausedAt": 0,
    "stillAt": None,
    "frameAt": 99_000,
    "linkLostAt": None,
    "audioOnly": False,
    "cameraOffAt": 0,
    "thin": "",
    "takenAt": None,
}


@pytest.mark.parametrize(
    ("change", "state", "since"),
    [
        ({}, "live", None),
        ({"frameAt": 97_000}, "frozen", 97_000),
        ({"frameAt": None}, "connecting", None),
        ({"link": "connecting"}, "connecting", None),
        ({"link": "retrying", "linkLostAt": 90_000}, "retrying", 90_000),
        ({"asks": NOTHING, "link": "closed", "stillAt": 60_000}, "still", 60_000),
        ({"asks": NOTHING, "link": "closed", "source": {**LIVE, "state": "offline", "since_us": 0}}, "offline", None),
        ({"asks": SOUND, "stillAt": 60_000}, "soundOnly", 60_000),
        ({"asks": SOUND, "link": "connecting"}, "connecting", None),
        ({"asks": SOUND, "audioOnly": True}, "live", None),
        ({"held": True, "heldAt": 80_000}, "cutOff", 80_000),
        ({"noRoomAt": 80_000, "frameAt": None}, "noRoom", 80_000),
        ({"noRoomAt": 80_000, "takenAt": 98_000}, "stills", 98_000),
        ({"thin": "stills", "asks": NOTHING, "link": "closed"}, "stills", None),
        ({"thin": "stills", "asks": SOUND, "takenAt": 98_000}, "stills", 98_000),
        ({"thin": "stills", "asks": SOUND, "link": "retrying", "linkLostAt": 90_000}, "retrying", 90_000),
        ({"thin": "sound", "asks": SOUND, "takenAt": None}, "soundMode", None),
        ({"noRoomAt": 80_000, "held": True, "heldAt": 90_000}, "cutOff", 90_000),
        ({"noRoomAt": 80_000, "link": "retrying", "linkLostAt": 90_000}, "retrying", 90_000),
        ({"pausedAt": 80_000, "link": "closed"}, "paused", 80_000),
        ({"cameraOffAt": 70_000, "frameAt": 60_000}, "cameraOff", 70_000),
        ({"audioOnly": True, "frameAt": None}, "live", None),
        ({"refused": True, "link": "closed"}, "forbidden", None),
        ({"source": {**LIVE, "state": "silent"}}, "silent", SINCE_MS),
        ({"source": {**LIVE, "state": "offline"}, "link": "retrying"}, "offline", SINCE_MS),
    ],
)
async def test_state_of_a_tile(blank: Page, change: dict[str, Any], state: str, since: int | None) -> None:
    got = await run(blank, "state", "m.decide(a, 100_000)", {**FACTS, **change})
    assert got == {"state": state, "since": since}


@pytest.mark.parametrize(
    ("change", "past"),
    [
        ({"person": "P", "state": "offline"}, True),
        ({"person": "P", "state": "silent"}, False),
        ({"person": "P", "state": "offline", "since_us": (SINCE_MS + 60_000) * 1000}, False),
        ({"person": "", "state": "offline"}, False),
    ],
)
async def test_page_of_a_person_that_is_long_closed_is_no_source(
    blank: Page, change: dict[str, Any], past: bool
) -> None:
    assert await run(blank, "state", f"m.isPast(a, {SINCE_MS + 121_000})", {**LIVE, **change}) is past


@pytest.mark.parametrize(
    ("person", "tracks", "off"),
    [("P", ["audio"], True), ("P", ["audio", "video"], False), ("P", [], False), ("", ["audio"], False)],
)
async def test_camera_is_off_where_a_person_sends_sound_alone(
    blank: Page, person: str, tracks: list[str], off: bool
) -> None:
    assert await run(blank, "state", "m.isCameraOff(a)", {**LIVE, "person": person, "tracks": tracks}) is off


@pytest.mark.parametrize(
    ("given", "bars"),
    [
        ({"loss": 0, "delayMs": 120, "framesPerSecond": 15, "audioOnly": False}, 3),
        ({"loss": 0.02, "delayMs": 120, "framesPerSecond": 15, "audioOnly": False}, 2),
        ({"loss": 0, "delayMs": 600, "framesPerSecond": 15, "audioOnly": False}, 2),
        ({"loss": 0.2, "delayMs": 120, "framesPerSecond": 15, "audioOnly": False}, 1),
        ({"loss": 0, "delayMs": 120, "framesPerSecond": 1, "audioOnly": False}, 1),
        ({"loss": 0, "delayMs": 120, "framesPerSecond": 0, "audioOnly": True}, 3),
        ({"loss": None, "delayMs": None, "framesPerSecond": None, "audioOnly": False}, 0),
    ],
)
async def test_bars_follow_loss_delay_and_rate(blank: Page, given: dict[str, Any], bars: int) -> None:
    assert await run(blank, "stats", "m.bars(a)", given) == bars


def report(at: int, packets: int, lost: int, frames: int, **video: Any) -> list[Any]:
    inbound = {
        "type": "inbound-rtp",
        "kind": "video",
        "timestamp": at,
        "codecId": "c",
        "packetsReceived": packets,
        "packetsLost": lost,
        "framesDecoded": frames,
        "bytesReceived": packets * 1000,
        "frameWidth": 640,
        "frameHeight": 360,
        "jitter": 0.002,
        "jitterBufferDelay": 10.0,
        "jitterBufferEmittedCount": 100,
        **video,
    }
    return [
        ["v", inbound],
        ["c", {"type": "codec", "id": "c", "mimeType": "video/H264"}],
        ["p", {"type": "candidate-pair", "nominated": True, "currentRoundTripTime": 0.03}],
        ["s", {"type": "remote-outbound-rtp", "kind": "video", "timestamp": at - 400, "remoteTimestamp": at - 500}],
    ]


FIGURES = "m.figures(m.sample(new Map(a[1])), a[0] && m.sample(new Map(a[0])))"


async def test_figures_are_of_the_time_between_two_samples(blank: Page) -> None:
    got = await run(blank, "stats", FIGURES, [report(1_000_000, 100, 0, 15), report(1_002_000, 290, 10, 45)])
    assert got["videoCodec"] == "H.264"
    assert (got["width"], got["height"]) == (640, 360)
    assert got["framesPerSecond"] == 15
    assert got["bitsPerSecond"] == 760_000
    assert got["loss"] == 0.05
    assert got["tripMs"] == 30


async def test_first_sample_has_no_rates(blank: Page) -> None:
    got = await run(blank, "stats", FIGURES, [None, report(1_000_000, 100, 0, 15)])
    assert got["framesPerSecond"] is None
    assert got["bitsPerSecond"] is None


async def test_counters_that_start_again_never_become_negative(blank: Page) -> None:
    got = await run(blank, "stats", FIGURES, [report(1_000_000, 100, 9, 90), report(1_001_000, 1, 0, 2)])
    assert got["bitsPerSecond"] == 0
    assert got["loss"] is None


async def test_capture_time_is_taken_from_the_playout_estimate_which_counts_from_1900(blank: Page) -> None:
    utc = 1_795_230_764_000
    estimated = report(1_000_000, 1, 0, 1, estimatedPlayoutTimestamp=utc + 2_208_988_800_000)
    got = await run(blank, "stats", FIGURES, [None, estimated])
    assert got["capture"] == {"utc": utc, "exact": True}


async def test_capture_time_without_estimate_is_reckoned_from_the_last_report(blank: Page) -> None:
    got = await run(blank, "stats", FIGURES, [None, report(1_000_000, 1, 0, 1)])
    # Report 500 ms before, arrived 400 ms ago, frames wait 100 ms.
    assert got["capture"] == {"utc": 1_000_000 - 500 + 400 - 100, "exact": False}


async def test_empty_report_is_all_unknown(blank: Page) -> None:
    got = await run(blank, "stats", FIGURES, [None, []])
    assert got["capture"] is None
    assert got["loss"] is None


async def test_waiting_is_by_chance_up_to_a_bound_that_doubles_and_starts_again(blank: Page) -> None:
    got = await run(
        blank,
        "backoff",
        """(() => {
          const wait = new m.Backoff({ firstMs: 500, longestMs: 4000, random: () => 1 });
          const all = Array.from({ length: 5 }, () => wait.next());
          wait.reset();
          const low = new m.Backoff({ firstMs: 500, longestMs: 4000, random: () => 0 });
          return [all, wait.next(), low.next()];
        })()""",
    )
    assert got == [[500, 1000, 2000, 4000, 4000], 500, 0]


@pytest.mark.parametrize(("loudness", "height"), [(0, 0), (1, 1), (0.001, 0), (-1, 0), (2, 1)])
async def test_meter_is_bounded(blank: Page, loudness: float, height: float) -> None:
    assert await run(blank, "meter", "m.heightOf(a)", loudness) == pytest.approx(height, abs=1e-9)


async def test_curve_ends_at_the_right_and_stays_inside(blank: Page) -> None:
    got = await run(blank, "detail", "m.curvePoints([0, null, 5, 10, 99], 10)")
    assert got == "116,38.0 117,38.0 118,20.0 119,2.0 120,2.0"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("m.duration(750_000)", "12 分 30 秒"),
        ("m.duration(59_999)", "59 秒"),
        ("m.duration(-5)", "0 秒"),
        ("m.duration(7_260_000)", "2 小时 1 分"),
        ("m.bitrate(412_300)", "412 kb/s"),
        ("m.bitrate(2_540_000)", "2.5 Mb/s"),
        ("m.bitrate(null)", "–"),
        ("m.percent(0.0034)", "0.3 %"),
        ("m.milliseconds(undefined)", "–"),
    ],
)
async def test_figures_in_words(blank: Page, expression: str, expected: str) -> None:
    assert await run(blank, "words", expression) == expected


async def test_unknown_text_is_an_error_and_not_silence(blank: Page) -> None:
    tried = "(() => { try { m.t('no.such'); } catch (error) { return error.message; } })()"
    assert await run(blank, "i18n", tried) == "i18n:no.such"


CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("device", "words"),
    [(CHROME, "Chrome 156 · Linux"), ("page-4ffda53099", ""), ("recorder-2", "recorder-2"), ("", "")],
)
async def test_device_is_told_as_people_know_it(blank: Page, device: str, words: str) -> None:
    assert await run(blank, "admin/device", "m.deviceWords(a)", device) == words
