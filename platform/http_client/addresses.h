#pragma once
// Internal: which addresses strangers' URLs may lead to.
#include <sys/socket.h>

namespace parley::http_client {

/// Whether it is an address of the public internet: not loopback, private, shared, link-local, multicast, documentation
/// or reserved (IANA's special-purpose registries for IPv4 and IPv6, RFC 6890 and what followed). An IPv6 address that
/// stands for an IPv4 one (mapped, NAT64) is judged as that one; tunnels (6to4, Teredo) are not public.
bool is_public(const sockaddr& address);

}  // namespace parley::http_client
