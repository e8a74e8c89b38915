"""What `huishang verify` says of each finding, Chinese and English. Data only; the codes are explained in
`recorder.proof.findings`.
"""

from recorder.proof.findings import Code, State

STATES: dict[State, str] = {
    "altered": "已被改动 / ALTERED",
    "missing": "缺失 / MISSING",
    "incomplete": "不完整 / INCOMPLETE",
    "unknown": "无法得知 / cannot be known",
    "deleted": "按制度删除 / deleted by policy",
    "stamped": "外部见证 / outside witness",
    "intact": "完好 / intact",
}

VERDICTS: dict[State, str] = {
    "altered": "有改动，不可作为完整证据 / something was altered",
    "missing": "有缺失 / something that was recorded is missing",
    "incomplete": "有未封存的部分：录制中，或被中断、截断 / something was not finished: running, interrupted or cut",
}
GOOD = "完好 / sound"
SOUND = "未发现改动、缺失或中断 / sound: nothing altered, missing or interrupted"
RUNNING = (
    "有会话尚未封存：若服务器正在录制，最近几秒的文件可能尚未记录，请在封存后再核对"
    " / a session is not closed: while the server records, files of the last seconds may not be recorded yet;"
    " verify again when it is closed"
)

CODES: dict[Code, str] = {
    "line-unreadable": "有一行无法读出 / a line cannot be read",
    "line-torn": "最后一行只写了一半 / the last line is torn",
    "link-broken": "此前的记录与写下时不同 / what stands before is not what it was",
    "order-broken": "记录次序被打乱 / records out of order",
    "lines-absent": "缺少 {count} 条记录 / {count} records are not there",
    "key-unknown": "签名所用密钥不在账簿中，或当时无效 / signed by a key that is not in force",
    "signature-wrong": "签名不符 / the signature is wrong",
    "empty": "链是空的 / the chain is empty",
    "session-wrong": "属于另一会话的记录 / a record of another session",
    "content-altered": "记录内容与摘要不符 / a record's content is not what was signed",
    "content-unusable": "记录内容无法使用 / a record's content is of no use",
    "withheld": "{count} 条记录的内容未提供 / the contents of {count} records are withheld",
    "unsigned-end": "末尾 {count} 条记录没有签名 / the last {count} records are not signed",
    "not-closed": "会话未封存（录制中，或被中断） / the session was not closed: in progress or interrupted",
    "after-closure": "封存之后又有记录 / records behind the closure",
    "chain-intact": "{count} 条记录完好 / {count} records intact",
    "file-altered": "文件被改动 / file altered",
    "file-missing": "文件缺失 / file missing",
    "file-deleted": "按制度删除 / deleted by policy",
    "files-intact": "{count} 个文件完好 / {count} files intact",
    "file-unvouched": "文件与记录相符，但记录没有签名 / the file is as recorded, but nothing signed vouches for it",
    "file-unrecorded": "没有任何会话记录过的文件 / a file that no session recorded",
    "file-open": "未写完的文件 / a file that was not finished",
    "ledger-intact": "账簿 {count} 行完好 / {count} lines of the ledger intact",
    "ledger-excerpt": "账簿另有 {count} 行不在此处 / {count} lines of the ledger are not among these files",
    "file-beside": "不在核对之列，亦不作为依据的文件 / a file that nothing vouches for, and nothing rests on",
    "older-copy": (
        "签到 {at} 为止（检查点 {detail}）：整套文件若被换成更早的副本，单凭这些文件无法得知；"
        "记下此名，下次以 --seen 核对"
        " / signed up to {at}: nobody can know from these files whether all of them are an older copy;"
        " note the checkpoint's name {detail} and give it by --seen the next time"
    ),
    "checkpoint-absent": (
        "见过的检查点不在账簿中：文件被换成更早的副本，或出自别处 {detail}"
        " / a checkpoint that was seen before is not in the ledger: an older copy, or another server's: {detail}"
    ),
    "key-unpinned": (
        "没有用 --key 指明服务器的第一把密钥，无法得知是否出自该服务器（此处为 {detail}）"
        " / without --key nobody can know that this server made it; the first key here is {detail}"
    ),
    "key-not-pinned-one": "第一把密钥不是 --key 指明的那把 / the first key is not the one given by --key: {detail}",
    "log-intact": "日志 {count} 项完好 / {count} entries of the log intact",
    "root-wrong": "日志与签过的根不符 / the log does not give the root that was signed",
    "leaves-absent": "日志缺少条目 / entries of the log are not there",
    "proof-wrong": "一条证明不成立 / a proof proves nothing",
    "log-differs": "日志中此处是另一条记录 / the log had another record in this place",
    "records-absent": "日志见过、但链中没有的记录 / records that the log has seen are not in the chain",
    "unlogged": (
        "日志没有见过第 {record} 条起的 {count} 条记录：记录时被中断，或是后来放入的"
        " / the log has not seen the {count} records from {record} on: interrupted, or put there later"
    ),
    "token-wrong": "时间戳不成立 / a time stamp proves nothing",
    "token-absent": "缺少 {count} 个时间戳 / {count} time stamps are not there",
    "token-unchecked": (
        "时间戳无法核对（可用 --root-certificate 给出权威机构的根证书）"
        " / a time stamp cannot be checked; --root-certificate brings its authority's root"
    ),
    "token-expired": (
        "时间戳机构的证书已到期，之后没有续戳 / the authority's certificate has ended, and no later stamp covers it"
    ),
    "certificate-unusable": "证书文件无法使用 / a file of certificates is of no use",
    "stamped": "截至第 {record} 条记录，{at} 由 {authority} 见证 / up to record {record}, seen by {authority} at {at}",
    "authority-unpinned": (
        "截至第 {record} 条记录，{at} 由 {authority} 见证，但其根证书是随文件来的"
        " / up to record {record}, seen by {authority} at {at}, but its root came with the files"
    ),
    "no-witness": (
        "没有外部见证：持有密钥者可能重做了全部 / no outside witness: who has the key may have made all of it anew"
    ),
    "before-witness": (
        "截至第 {record} 条记录，若在 {at} 之前用同一密钥重做，则看不出来"
        " / up to record {record}, made anew with the same key before {at}, it would look the same"
    ),
    "time-contradicted": (
        "服务器称 {start} 写下，见证却在 {at} 已见到 / written at {start} by the server's clock, but seen at {at}"
    ),
    "after-witness": (
        "最后一次见证（{at}）之后的记录可能被截去或重做"
        " / what came after the last witness at {at} may have been cut or made anew"
    ),
    "events-intact": "日志文件与链所载 {count} 件事一致 / {count} events are in the journal as in the chain",
    "event-differs": "日志文件中此事与链所载不同 / the journal has this event otherwise than the chain",
    "event-absent": "日志文件中没有链所载的此事 / the journal lacks an event that the chain has",
    "journal-damaged": "日志文件有一行与写下时不同 / a line of the journal is not as it was written",
    "more": "另有 {count} 处 / {count} more",
}
