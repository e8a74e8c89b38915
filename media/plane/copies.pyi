from media.plane.handle import PlaneHandle
from media.plane.objects import PlaneTrack
from media.plane.tapring import TapRingView

class PlaneTap(PlaneHandle):
    track: PlaneTrack
    ring: TapRingView
    def __init__(self, track: PlaneTrack, ring: TapRingView, layer: int = -1) -> None: ...

class PlaneMirror(PlaneHandle):
    near: PlaneTrack
    far: PlaneTrack
    def __init__(self, near: PlaneTrack, far: PlaneTrack) -> None: ...
