from benchmarks.shapes import Shape

def packets(
    shape: Shape, ssrc: int = 1, payload_type: int = 96, transport_cc_id: int = 0, audio_level_id: int = 0
) -> list[bytes]: ...
