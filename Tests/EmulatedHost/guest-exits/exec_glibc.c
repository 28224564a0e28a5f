// A statically linked C program that does nothing: what its C library does at the start is counted with exec.
int main(void) { return 0; }
