"""The plane's objects as C structs: what one plane thread owns, and nothing else touches.

Memory of every object is allocated by control before it is handed over by a command (media/plane/handle.pyx), and
freed by control after the thread has answered its removal with EVENT_FREED. Control may read counters at any time
(aligned words, no lock); it writes nothing after the hand-over.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from media.plane.address cimport Address
from media.plane.estimate cimport Estimate
from media.plane.flexfec cimport FlexFec
from media.plane.framing cimport FrameQueue, FrameReader
from media.plane.net cimport iovec, mmsghdr, sockaddr_in6
from media.plane.pacer cimport Pacer
from media.plane.ratelimit cimport Bucket
from media.plane.receive cimport ReceiveState
from media.plane.rewrite cimport Rewrite
from media.plane.redundancy cimport Redundancy
from media.plane.ring cimport Ring
from media.plane.roundtrip cimport RoundTrips
from media.plane.rungs cimport RUNGS, Rung
from media.plane.senderclock cimport SenderClock, StreamClock
from media.plane.table cimport UFRAG_KEY_MAX_BYTES, AddressTable, SsrcTable, UfragTable
from media.plane.tapclock cimport TapClockTold
from media.plane.tapring cimport TapRing
from media.plane.twcc cimport TWCC_RESULTS, TwccHistory, TwccRecorder, TwccResult
from media.plane.uplink cimport Uplink

cdef enum:
    DATAGRAM_CAPACITY = 1600        # larger datagrams are counted and dropped
    PAYLOAD_CAPACITY = 1460         # what plain senders fit into 1,500 bytes of IPv4; with our tag it is fragmented
    MAX_LAYERS = 3
    MAX_PAYLOAD_TYPES = 32          # of one publication
    MAX_DECLARED_SSRCS = 8          # of one publication
    IDENTIFIER_CAPACITY = 16        # MID and RID, RFC 8852 bounds neither; senders use 1 to 8 bytes
    CODEC_SLOTS = 12                # more than CodecId has
    NO_PAYLOAD_TYPE = 255           # the viewer did not negotiate the codec; 0 is PCMU's
    BURST_CAPACITY = 64             # packets that are served to a route in one go
    MAX_WAITING = 256               # streams with an unfinished burst at one time
    RECENT_RESENDS = 64
    BATCH_MESSAGES = 64
    BATCH_BYTES = 262144
    RECEIVE_MESSAGES = 64
    # As in names.py: what control keeps to is what there is room for.
    MAX_ADDRESSES = 8               # of one transport, validated; as many as ICE remembers
    MAX_RETIRED = 1024              # SSRCs of one transport, while its keys last
    MAX_UFRAGS = 2                  # of one transport: the present generation, and the former in its grace

cdef enum:                      # DropReason
    DROP_NONE = 0
    DROP_UNKNOWN_DATAGRAM           # neither STUN, DTLS, RTP nor RTCP, or too large
    DROP_STRANGER                   # from an address no transport has validated
    DROP_STUN_MALFORMED
    DROP_STUN_UNKNOWN_UFRAG
    DROP_STUN_RATE
    DROP_DTLS_RATE
    DROP_CONTROL_BUSY               # the event ring is full: control is behind
    DROP_NO_KEYS                    # media before the DTLS handshake has ended
    DROP_RTP_MALFORMED
    DROP_RTCP_MALFORMED
    DROP_AUTHENTICATION
    DROP_REPLAY
    DROP_SSRC_LIMIT
    DROP_NOT_PUBLISHED              # no publication takes this SSRC
    DROP_PAYLOAD_TYPE
    DROP_TOO_LARGE
    DROP_DUPLICATE
    DROP_TOO_OLD
    DROP_PROBATION                  # first packet after a large jump
    DROP_REPLACED                   # a newer publication feeds the track
    DROP_ROUTE_CODEC                # the viewer did not negotiate the codec
    DROP_ROUTE_BEFORE_START         # older than the keyframe the route started with
    DROP_PROTECT
    DROP_SEND                       # the kernel refused
    DROP_RESEND_GONE                # asked for again, no longer in the cache
    DROP_RESEND_RATE
    DROP_BRIDGE_FULL
    DROP_EVENT_RATE                 # a stream's changes and goodbyes, faster than anyone means them
    DROP_TABLE_FULL                 # no place for another ufrag or address: control must end the session
    DROP_BEHIND                     # its place in the cache was needed before all routes were served
    DROP_ADDRESS_HELD               # a valid check from an address that another peer is using
    DROP_LINK_FULL                  # it waited too long for room in the viewer's link
    DROP_CONNECTION_REFUSED         # a TCP connection more than strangers, or all together, may have
    DROP_CONNECTION_UNKNOWN         # one ended that brought no valid check in time, or something else before it
    DROP_NOT_TAKEN                  # its peer takes what waits on its TCP connection too slowly, or not at all
    DROP_REASONS

cdef enum TransportKind:
    TRANSPORT_WEBRTC = 0
    TRANSPORT_PLAIN = 1

cdef enum SlotExtension:
    SLOT_LEVEL = 1
    SLOT_ROTATION = 2
    SLOT_CAPTURE_TIME = 4

cdef struct Publication
cdef struct Stream
cdef struct Transport
cdef struct Track
cdef struct Route
cdef struct Tap
cdef struct Mirror

cdef struct PacketSlot:
    uint64_t key                    # of its stream when it came; 0: empty
    int64_t ext                     # extended sequence
    int64_t arrival_ns
    uint32_t timestamp
    uint16_t sequence
    uint16_t payload_length
    uint8_t marker
    uint8_t codec
    uint8_t starts_keyframe
    uint8_t extensions              # SlotExtension bits
    uint8_t level                   # RFC 6464 byte as it came
    uint8_t rotation                # 3GPP TS 26.114 CVO byte
    uint8_t temporal                # id of VP8's temporal layer, 0 lowest or none
    uint8_t opens                   # begins a picture that needs none but those of id 0
    uint8_t capture_time[8]         # NTP, sender's clock
    uint8_t payload[PAYLOAD_CAPACITY]

cdef struct Watch:                  # what an epoll event is about
    int kind                        # WatchKind
    void *object

cdef enum WatchKind:
    WATCH_SOCKET = 1
    WATCH_COMMANDS = 2
    WATCH_MIRROR_DOWN = 3
    WATCH_MIRROR_UP = 4
    WATCH_LISTENER = 5
    WATCH_CONNECTION = 6

cdef struct Socket:
    Watch watch
    int fd
    int family
    int wildcard                    # bound to any address: answers must name their source
    int owned                       # a plain transport's own port
    Transport *transport            # of an own port

cdef struct Connection:         # a peer's TCP connection; made and ended by the thread itself (connection.pyx)
    Watch watch
    int fd
    Address remote
    Transport *transport            # which its first frame named; NULL before
    Connection *next_in_transport
    Connection *next                # in the plane's list, of strangers' until a check was valid
    Connection *previous
    int validated
    int64_t until_ns                # it ends then, unless a valid check comes before
    int has_news                    # in the plane's list of those with something to send
    Connection *next_with_news
    int waits_for_room              # epoll tells when the kernel takes bytes again
    FrameReader reader
    FrameQueue queue
    uint8_t frame[DATAGRAM_CAPACITY]    # the one that is being read

cdef struct Stream:             # one inbound SSRC, one layer of a publication
    uint64_t id                     # unique in the process
    uint64_t key                    # fresh whenever continuity of the input breaks; 0: nothing came yet
    Publication *publication
    Track *track
    int layer
    int bound                       # an SSRC feeds it; any value is one, some cameras send 0
    uint32_t ssrc
    uint32_t rtx_ssrc
    uint8_t codec
    ReceiveState receive
    StreamClock clock
    SenderClock *sender_clock       # of the publishing transport, shared by its streams
    PacketSlot *cache
    uint32_t cache_mask
    # Packets on their way to the routes: a ring of cache indexes, as large as the cache. Its three counters wrap.
    uint16_t *queue
    uint32_t first                      # not yet served to all routes
    uint32_t ready                      # from here on: of a burst that is not complete yet
    uint32_t last                       # where the next packet goes
    int64_t pending_since_ns            # when the incomplete burst began
    int waits                           # in the plane's list of streams with such a burst
    int serving_count                   # packets from `first` on that go to the routes just now
    uint8_t padding[BURST_CAPACITY]     # bytes to add to each of them
    Route *next_served
    int in_service                      # in the plane's list of streams that are served in turns
    Stream *next_in_service
    int64_t last_packet_ns
    int64_t keyframe_wanted_ns      # 0: not wanted
    int64_t keyframe_asked_ns
    int64_t nack_due_ns
    uint8_t fir_sequence
    uint32_t last_sr_middle         # for LSR/DLSR of our receiver reports
    int64_t last_sr_ns
    uint64_t packets, octets
    uint64_t frames                 # changes of timestamp: pictures, or pieces of sound
    Rung rungs[RUNGS]               # the same by temporal id, of packets taken here
    uint32_t frame_timestamp        # of the newest
    int width, height               # of the last keyframe that told; 0: not known
    uint64_t keyframes, keyframe_requests
    uint64_t nacks_sent, recovered

cdef struct PayloadType:
    uint8_t number
    uint8_t codec                   # CodecId of the media
    uint8_t rtx_for                 # payload type repaired by this one, 0 for media
    uint8_t is_red                  # sounds with those before them (RFC 2198)
    uint32_t clock_rate

cdef struct Publication:        # one media line of a publisher
    uint64_t id
    Transport *transport
    Publication *next               # in the transport
    Publication *next_in_track
    Track *track
    int is_video
    uint8_t mid[IDENTIFIER_CAPACITY]
    int mid_length
    uint8_t rids[MAX_LAYERS][IDENTIFIER_CAPACITY]
    int rid_lengths[MAX_LAYERS]
    int layer_count
    PayloadType payload_types[MAX_PAYLOAD_TYPES]
    int payload_type_count
    uint32_t declared_ssrcs[MAX_DECLARED_SSRCS]
    uint32_t declared_rtx_ssrcs[MAX_DECLARED_SSRCS]
    int declared_count
    int nack, pli, fir, remb        # what its sender was told that it will be sent
    int level_dbov                  # smoothed audio level, -127 silent
    Stream *streams[MAX_LAYERS]
    int linked

cdef struct Track:              # where routes hang: a source's picture or sound, whoever publishes it just now
    uint64_t id
    int is_video
    Publication *publication        # the newest one feeds the routes
    Publication *publications       # all of this thread's, also replaced ones: their caches still answer NACKs
    Route *routes
    int route_count
    Tap *taps
    Mirror *mirrors                 # copies of this track on other plane threads
    Mirror *upstream                # this track is itself a copy
    int linked

cdef struct Route:
    # Three cache lines that forwarding a packet touches; the rest follows. Allocated on a line's boundary.
    Route *next_in_track
    Transport *transport
    uint64_t key                    # of the stream that feeds it; 0: none yet
    int layer
    int paused
    uint32_t ssrc
    uint32_t rtx_ssrc
    uint8_t payload_types[CODEC_SLOTS]      # by CodecId, or NO_PAYLOAD_TYPE
    uint64_t packets
    uint64_t octets
    Redundancy redundancy
    FlexFec *fec                    # NULL: not agreed
    int playout                     # least delay of pictures that the viewer is told, in 10 ms; -1: it is told none
    uint8_t _line[28]
    Rewrite rewrite
    uint64_t id
    Track *track
    Route *previous_in_track
    Route *next_in_transport
    Stream *input
    uint8_t rtx_payload_types[CODEC_SLOTS]
    uint16_t rtx_sequence
    Bucket resend_bucket
    uint16_t resent[RECENT_RESENDS]         # direct-mapped by sequence
    int64_t resent_ns[RECENT_RESENDS]
    int64_t sr_sent_ns[2]
    uint32_t sr_middle[2]
    uint64_t resends
    uint64_t drops
    int64_t rtt_ns
    uint32_t remote_lost
    uint32_t remote_jitter
    uint8_t remote_fraction_lost
    uint32_t keyframe_timestamp     # of the last one that came for it, where its transport is paced
    int64_t keyframe_left_ns        # when the last packet of it did, that had waited
    int64_t asked_ns                # for a keyframe, because the link was full
    int asks                        # once more, when the pause is over
    int linked

cdef struct Tap:
    uint64_t id
    Tap *next
    Track *track
    TapRing *ring
    int layer                       # -1: all
    TapClockTold told[MAX_LAYERS]
    int linked

cdef struct Mirror:             # one direction of a track between two plane threads
    uint64_t id
    Mirror *next
    Track *near                     # on the thread that publishes
    Track *far                      # on the thread that views
    Ring down                       # packets, near -> far
    Ring up                         # keyframe requests, far -> near
    Watch down_watch
    Watch up_watch
    Publication far_publication     # holds the far streams (caches)
    SenderClock sender_clock        # copy of the publisher's, for the far side's sender reports
    int near_linked
    int linked

cdef struct Transport:
    # Three cache lines that forwarding a packet touches; the rest follows. Allocated on a line's boundary.
    Socket *socket
    Connection *connection          # packets leave there; NULL: as datagrams
    void *srtp_sender
    TwccHistory *sends
    int ready                       # an address, and keys where they are due: packets may leave
    int gso                         # 0 after the kernel refused
    uint64_t sent_packets
    uint64_t sent_octets
    uint8_t extension_ids[16]       # ExtensionKind -> id we send, 0 not negotiated
    int local_control_length
    unsigned int remote_name_length
    sockaddr_in6 remote_name        # as the socket's family wants it
    uint8_t local_control[48]       # ready-made IP_PKTINFO control message
    int paced                       # its link was full once: pictures wait for room
    Pacer *pacer                    # with `estimate` or not at all
    uint64_t id
    int kind
    Transport *next
    Transport *previous
    Transport *next_publisher
    Transport *previous_publisher
    int has_remote
    Address remote
    int latched
    int latch                       # plain: take the authenticated sender, or, without keys, the first valid one
    int64_t latched_heard_ns        # the last datagram from there
    void *srtp_receiver
    int same_ssrc_resend            # AES-CM or no encryption: the nonce rule allows it
    uint8_t extension_kinds[16]     # received element id -> ExtensionKind
    SsrcTable ssrcs                 # inbound media: Stream*, or the turn in which it was heard (admission.pyx)
    SsrcTable rtx_ssrcs             # inbound RTX: Stream*
    SsrcTable route_ssrcs           # outbound media and RTX: Route*
    Publication *publications
    Route *routes
    TwccRecorder *arrivals
    Uplink *uplink                  # of a publisher that is told of it by REMB
    Estimate *estimate              # of the link to a viewer; with `sends` or not at all
    int64_t probe_bps               # its link is filled up to this rate (probe.pyx); 0: it is not
    int64_t probe_until_ns
    int64_t probe_looked_ns
    int64_t probe_credit            # bytes of padding that are due
    uint64_t probe_octets           # sent when that was reckoned
    int probe_packets               # to leave together, once
    Transport *next_probed
    int probe_linked
    uint32_t local_ssrc             # of our RTCP about what we receive
    uint8_t cname[32]
    int cname_length
    SenderClock sender_clock
    int64_t rtt_ns                  # to the peer, 0 unknown
    Address addresses[MAX_ADDRESSES]        # its keys in the plane's tables: at its end nobody searches those
    int64_t heard_ns[MAX_ADDRESSES]         # when an authentic packet came from each of them
    int64_t next_heard_ns                   # to be noted from then on
    int address_count
    Connection *connections         # all that named it
    uint8_t ufrags[MAX_UFRAGS][UFRAG_KEY_MAX_BYTES]
    int ufrag_lengths[MAX_UFRAGS]
    int ufrag_count
    uint8_t consent_username[96]    # "ours:theirs" of the present ICE generation
    int consent_username_length     # 0: control answers every check
    uint8_t consent_key[64]         # our ICE password
    int consent_key_length
    int64_t consent_ns              # the last check answered by the plane
    Bucket stun_bucket
    Bucket stranger_stun_bucket
    Bucket dtls_bucket
    Bucket event_bucket             # of stream events
    int rtcp_reduced_size
    int declared_only               # streams are known by MID or declared SSRC, not by payload type
    int64_t last_heard_ns
    uint64_t authentic              # packets that SRTP accepted
    int64_t next_report_ns          # receiver report
    int64_t next_sender_report_ns
    int64_t next_twcc_ns
    uint64_t received_packets
    uint64_t received_octets
    uint64_t twcc_reported, twcc_lost
    uint64_t drops[DROP_REASONS]
    int linked
    uint32_t retired[MAX_RETIRED]   # SSRCs that lost their place under the present keys
    int retired_count
    RoundTrips round_trips          # to a publisher; viewers' are never touched
    int waits                       # in the plane's list of transports that pictures wait for
    int asks                        # a route of it asks for a keyframe once more
    Transport *next_backlog

cdef struct Batch:
    uint8_t *arena
    int used
    int count
    int open                        # the last message may still grow
    Socket *socket
    mmsghdr messages[BATCH_MESSAGES]
    iovec vectors[BATCH_MESSAGES]
    uint8_t control[BATCH_MESSAGES][96]
    Transport *owners[BATCH_MESSAGES]
    int segments[BATCH_MESSAGES]
    int segment_bytes[BATCH_MESSAGES]

cdef struct Receiver:
    mmsghdr messages[RECEIVE_MESSAGES]
    iovec vectors[RECEIVE_MESSAGES]
    uint8_t names[RECEIVE_MESSAGES][32]
    uint8_t control[RECEIVE_MESSAGES][128]
    uint8_t buffers[RECEIVE_MESSAGES][DATAGRAM_CAPACITY]

cdef struct PlaneState:
    int index
    int epoll
    Socket socket
    Socket feedback_socket          # viewers' transport feedback, read at ticks (sockets.py)
    int has_feedback_socket
    Socket listener                 # of TCP connections; none when its family is 0
    int listener_rests              # it was out of descriptors: not watched until the next look
    Connection *strangers           # that brought no valid check yet
    int stranger_count
    Connection *connections         # the others
    int connection_count            # of both
    int max_connections
    uint16_t connections_numbered
    int64_t stranger_ns             # their time for a valid check
    int64_t connection_idle_ns      # the others', for the next one
    int64_t next_look_ns            # at connections whose time is over
    Connection *news                # connections with something to send
    uint8_t spill[DATAGRAM_CAPACITY]    # where a packet is written that no connection has room for
    TwccResult results[TWCC_RESULTS]      # of the feedback that is being read
    int feedback_waits                    # there may be something to read on it since the last tick
    Ring commands
    Watch command_watch
    Ring events
    AddressTable addresses
    UfragTable ufrags
    Transport *transports
    Transport *probed               # whose links are tried with padding (probe.pyx)
    int64_t next_probe_ns
    Transport *next_to_serve        # where the slow timer goes on
    int transport_count
    Transport *publishers
    Bucket stranger_stun_bucket     # of all unknown addresses together
    Batch batch
    Receiver receiver
    Stream *waiting[MAX_WAITING]          # streams with an unfinished burst
    int waiting_count
    Stream *in_service                    # streams whose packets many routes get in turns, the next one first
    Stream *last_in_service
    Transport *backlogs                   # transports that pictures wait for
    int64_t backlog_due_ns                # when they are looked at next
    int64_t now_ns
    int64_t wall_offset_ns          # UTC minus monotonic, sampled at every tick
    int64_t last_tick_ns
    int64_t next_tick_ns                  # once awake, it is time from then on
    int64_t wake_by_ns                    # what the thread wakes for, when nothing else wakes it before
    int64_t flush_after_ns
    int work_a_turn                       # about microseconds of forwarding before others' work must get its turn
    int work_left
    int64_t keyframe_interval_ns
    int gso
    int max_ssrcs
    int64_t address_held_ns               # after an authentic packet from an address no other peer's check takes it
    int64_t latch_silence_ns        # a latched sender without keys that says nothing for so long has lost its place
    uint64_t keys_given             # to streams
    uint64_t notes                  # of SSRCs without a stream
    uint64_t wakeups
    uint64_t received_packets
    uint64_t links_filled           # that were found full
    uint64_t sent_packets, sent_octets
    uint64_t sent_messages
    uint64_t send_calls
    uint64_t drops[DROP_REASONS]
    int stop

cdef inline void drop(PlaneState *plane, Transport *transport, int reason) noexcept nogil:
    plane.drops[reason] += 1
    if transport != NULL:
        transport.drops[reason] += 1


cdef inline uint64_t fresh_key(PlaneState *plane) noexcept nogil:
    """Name a stretch of one stream's input as no other was or will be, on any thread that hands packets to another."""
    plane.keys_given += 1
    return <uint64_t>(plane.index + 1) << 48 | plane.keys_given


cdef inline void tick_by(PlaneState *plane, int64_t due_ns) noexcept nogil:
    """Let the next tick come at `due_ns` at the latest, but never two within a millisecond."""
    if due_ns < plane.last_tick_ns + 1000000:
        due_ns = plane.last_tick_ns + 1000000
    if due_ns < plane.next_tick_ns:
        plane.next_tick_ns = due_ns
    if due_ns < plane.wake_by_ns:
        plane.wake_by_ns = due_ns
