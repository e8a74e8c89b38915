from media.plane.thread import PlaneThread

class PlaneHandle:
    thread: PlaneThread
    id: int
    def close(self) -> None: ...
