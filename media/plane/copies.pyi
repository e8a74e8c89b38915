from media.plane.objects import PlaneTrack
from media.plane.tapring import TapRingView

class PlaneTap:
    track: PlaneTrack
    ring: TapRingView
    id: int
    def __init__(self, track: PlaneTrack, ring: TapRingView, layer: int = -1) -> None: ...
    def close(self) -> None: ...

class PlaneMirror:
    near: PlaneTrack
    far: PlaneTrack
    id: int
    def __init__(self, near: PlaneTrack, far: PlaneTrack) -> None: ...
    def close(self) -> None: ...
