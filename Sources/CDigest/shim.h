// SHA-256 of the message-digest library from the BSD systems (Debian: libmd-dev).
#include <sha2.h>
