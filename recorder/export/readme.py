"""What a bundle says of itself to a person, in Chinese and English. Core: no I/O.

The commands in it are run as they stand in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_MAX_NAMED: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What there is to say."""

    session: str
    files: int
    absent: tuple[str, ...]
    withheld: int
    is_part: bool
    is_closed: bool
    stamps: tuple[str, ...]
    has_certificates: bool
    has_sm3: bool = False


_TITLE: Final = """会商录制证据包 / Huishang evidence bundle
录制 / recording: {session}
"""
_CONTENTS: Final = """
一、内容 / Contents
  tracks/      录像文件 {files} 个，为录制时的原始文件，未经转码
               {files} media files, as they were recorded, nothing transcoded
  sessions/    本次录制的记录链：每条记录含加盐摘要，逐条相连，由服务器签名
               the recording's chain: records with salted digests, each linked to the one before, signed by the server
  proof/       服务器账簿的摘录（公钥、签过的根、可信时间戳）与日志证明
               an excerpt of the server's ledger (public keys, signed roots, time stamps) and proofs of its log
  SHA256SUMS   记录链所载的各文件摘要 / what the chain says of each file
"""
_VERIFY: Final = """
二、核对 / Verification
1. 用本软件（离线，不需要服务器）/ with this software, offline, without the server:

    huishang verify .

   退出码 0 为完好，1 为有问题。请向录制单位另行索取服务器第一把密钥的名称，用 --key 给出；
   向时间戳机构索取其根证书，用 --root-certificate 给出。随包文件不能自证其出处。
   Exit status 0: sound, 1: not. Ask the recording party, by another way, for the name of its server's first key
   (--key), and the authority itself for its root certificate (--root-certificate): what came along cannot vouch for
   itself.

2. 不用本软件，核对文件 / without it, the files:

    sha256sum -c --quiet SHA256SUMS

   SHA256SUMS 抄自记录链；每一项都可在 sessions/{session}/chain.jsonl 中找到。
   SHA256SUMS is copied from the chain; each sum is found in sessions/{session}/chain.jsonl.
"""
_SM3: Final = """
   国密 SM3（GNU coreutils 9 以上；或逐个用 openssl dgst -sm3）
   / SM3 (GNU coreutils 9 or later; or `openssl dgst -sm3` for each):

    cksum -a sm3 -c --quiet SM3SUMS
"""
_STAMPS: Final = """
3. 不用本软件，核对时间戳 / without it, the time stamps (RFC 3161):

{commands}
   newest.stamped 是账簿 proof/ledger.jsonl 中的一行：它签有整个日志的根，proof/proofs.jsonl 把记录链引到这个根。
   newest.stamped is a line of proof/ledger.jsonl. It signs the root of the whole log, to which proof/proofs.jsonl leads
   from the chain (RFC 9162).
"""
_UNSTAMPED: Final = """
3. 此包没有时间戳：没有外部见证能证明录制时间。
   There are no time stamps: no outside witness proves when this was recorded.
"""


def readme(told: Told) -> bytes:
    """Give the text, UTF-8 with the mark that old editors need for Chinese."""
    parts = [_TITLE, _CONTENTS, *_left_out(told), _VERIFY, _SM3 if told.has_sm3 else ""]
    text = "".join(parts).format(session=told.session, files=told.files)
    text += _STAMPS.format(commands=_commands(told)) if told.stamps else _UNSTAMPED
    return "\ufeff".encode() + text.encode()


def _commands(told: Told) -> str:
    authority = "proof/certificates/*.pem" if told.has_certificates else "root.pem"
    lines = [f"    cat {authority} > authorities.pem"]
    for name in told.stamps:
        checked = f"openssl ts -verify -in proof/stamps/{name} -data proof/stamps/newest.stamped"
        lines.append(f"    {checked} -CAfile authorities.pem")
        lines.append(f"    openssl ts -reply -in proof/stamps/{name} -text")
    return "\n".join(lines) + "\n"


def _left_out(told: Told) -> list[str]:
    said = []
    if not told.is_closed:
        said.append(
            "  * 导出时录制尚未封存；此包到最后一次签名为止。\n"
            "    The recording was not closed yet; the bundle ends with the last signature.\n"
        )
    if told.is_part:
        said.append(
            "  * 只含所选时段；其余时段的记录内容与文件未提供。\n"
            "    Only a stretch of time was asked for; files and contents of other times are not in it.\n"
        )
    if told.withheld:
        said.append(
            f"  * {told.withheld} 条记录的内容未提供；记录本身仍在链上，链的完整性可以核对。\n"
            f"    The contents of {told.withheld} records are withheld; the records stand in the chain, "
            "which can be verified.\n"
        )
    if told.absent:
        names = "".join(f"      {name}\n" for name in told.absent[:_MAX_NAMED])
        more = f"      ... {len(told.absent)}\n" if len(told.absent) > _MAX_NAMED else ""
        said.append(
            "  * 记录链列有、导出时已不在服务器上的文件（按制度删除的，链上有签名的删除记录）：\n"
            "    Files that the chain names and that were not on the server any more "
            "(what a policy deleted has a signed record):\n" + (names + more).replace("{", "{{").replace("}", "}}")
        )
    return ["\n", *said] if said else []
