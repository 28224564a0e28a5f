#include "records.h"

#include <stdio.h>

static bool needs_comma;

static void write_string(const char *text) {
  putchar('"');
  for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++) {
    if (*byte == '"' || *byte == '\\') {
      putchar('\\');
      putchar(*byte);
    } else if (*byte < 0x20) {
      printf("\\u%04x", *byte);
    } else {
      putchar(*byte);
    }
  }
  putchar('"');
}

static void write_key(const char *key) {
  if (needs_comma) putchar(',');
  needs_comma = true;
  if (!key) return;
  write_string(key);
  putchar(':');
}

void record_begin(const char *kind) {
  putchar('{');
  needs_comma = false;
  record_text("record", kind);
}

void record_text(const char *key, const char *value) {
  write_key(key);
  write_string(value);
}

void record_integer(const char *key, int64_t value) {
  write_key(key);
  printf("%lld", (long long)value);
}

void record_real(const char *key, double value) {
  write_key(key);
  printf("%.6g", value);
}

void record_boolean(const char *key, bool value) {
  write_key(key);
  fputs(value ? "true" : "false", stdout);
}

void record_null(const char *key) {
  write_key(key);
  fputs("null", stdout);
}

void record_open(const char *key, char bracket) {
  write_key(key);
  putchar(bracket);
  needs_comma = false;
}

void record_close(char bracket) {
  putchar(bracket);
  needs_comma = true;
}

void record_end(void) {
  puts("}");
  fflush(stdout);
}
