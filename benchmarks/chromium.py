"""The system's Chromium without a window, kept to loopback, with its own camera and microphone."""

from playwright.async_api import Browser, Playwright

EXECUTABLE = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream=fps=30",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
)


async def launch(playwright: Playwright) -> Browser:
    """Start Chromium; the caller closes it."""
    return await playwright.chromium.launch(executable_path=EXECUTABLE, args=list(FLAGS))
