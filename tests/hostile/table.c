// SPDX-License-Identifier: GPL-2.0
/*
 * What was seen of all attacks, as a page of documentation in Markdown: this program runs itself
 * and reads its own TAP.
 *
 * Caller: hostile-test.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/utsname.h>

#include "sight.h"
#include "table.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum {
	ROWS_MAX = 512,
};

/* An attack, and what became of it. */
struct row {
	const struct attack *attack;
	const char *name;
	unsigned int runs;	/* on /dev/vhost-custom */
	unsigned int contained;
	char saw[SIGHT_TEXT];	/* on /dev/vhost-net; "" if it was not seen */
};

static struct row rows[ROWS_MAX];
static size_t row_num;

/**
 * table_name() - what an attack's tests are named
 * @attack: it.
 *
 * Return: a name that no other one has; never freed.
 */
const char *table_name(const struct attack *attack)
{
	char *name;

	if (attack->group == VMM)
		return attack->name;
	if (asprintf(&name, "%s_%s", attack->index == VHC_RX ? "rx" : "tx", attack->name) < 0)
		vhc_fail("no memory");
	return name;
}

static struct row *find(const char *name)
{
	size_t i;

	for (i = 0; i < row_num; i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

/* "ok N - NAME[DEVICE,FEATURES]", after what was seen. */
static void take_result(const char *line, const char *saw)
{
	const bool good = !strncmp(line, "ok ", 3);
	const char *name = strstr(line, " - ");
	struct row *row;
	char word[128];

	if ((!good && strncmp(line, "not ok ", 7)) || !name)
		return;
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(name + 3, "["), name + 3);
	row = find(word);
	if (!row)
		vhc_fail("no attack is named %s", word);
	if (strstr(line, "[vhost-net")) {
		snprintf(row->saw, sizeof(row->saw), "%s", good ? saw : "**failed**");
		return;
	}
	row->runs++;
	row->contained += good;
}

static void run_all(bool hammer)
{
	char line[1024], saw[SIGHT_TEXT] = "";
	FILE *tap = popen(hammer ? "exec /proc/$PPID/exe --hammer" : "exec /proc/$PPID/exe", "re");

	if (!tap)
		vhc_fail("this program: %s", strerror(errno));
	while (fgets(line, sizeof(line), tap)) {
		line[strcspn(line, "\n")] = '\0';
		fprintf(stderr, "%s\n", line);
		if (!strncmp(line, "# saw: ", 7)) {
			snprintf(saw, sizeof(saw), "%.*s", SIGHT_TEXT - 1, line + 7);
			continue;
		}
		take_result(line, saw);
		if (strstr(line, "ok "))
			*saw = '\0';
	}
	pclose(tap);
}

static bool is_contained(const struct row *row)
{
	return row->runs && row->contained == row->runs;
}

/* Each that was made on both devices counts once: by the worst of what vhost_net made of it. */
static void print_counts(void)
{
	static const char *const worst[] = { "spins", "stuck", "is dead", "contained" };
	unsigned int i, j, both = 0, custom = 0, net[ARRAY_SIZE(worst) + 1] = { 0 };

	for (i = 0; i < row_num; i++) {
		const struct row *row = &rows[i];

		custom += is_contained(row);
		if (row->attack->rings == PACKED || !*row->saw)
			continue;
		both += row->runs > 0;
		for (j = 0; j < ARRAY_SIZE(worst) && !strstr(row->saw, worst[j]); j++)
			;
		net[j]++;
	}
	printf("| | vhost_custom | vhost_net |\n|---|---|---|\n");
	printf("| attacks made | %zu | %u |\n", row_num, both);
	printf("| contained | **%u** | %u |\n", custom, net[3]);
	printf("| a worker spins for ever | | %u |\n", net[0]);
	printf("| the VMM is stuck | | %u |\n", net[1]);
	printf("| a queue is dead | | %u |\n", net[2]);
	printf("| not reported, or lost chains, or an ioctl that should fail | | %u |\n\n", net[4]);
}

static void print_row(const struct row *row)
{
	const char *c;

	printf("| ");
	if (row->attack->group != VMM)
		printf("%s: ", row->attack->index == VHC_RX ? "RX" : "TX");
	for (c = row->attack->name; *c; c++)
		putchar(*c == '_' ? ' ' : *c);
	printf(" | %s | ", !row->attack->rings ? "both" :
	       row->attack->rings == SPLIT ? "split" : "packed");
	if (is_contained(row))
		printf("contained");
	else
		printf("**%u of %u contained**", row->contained, row->runs);
	printf(" | %s |\n", *row->saw ? row->saw : "**not run**");
}

static void print_head(void)
{
	struct utsname host;

	uname(&host);
	printf("# What a hostile guest or VMM can do\n\n"
	       "Made by `make hostile-table`, on Linux %s. Each attack was made on both devices, and\n"
	       "what became of it was looked at in the same way, from outside: is the error eventfd\n"
	       "signalled, does the chain come back, does the worker sleep afterwards, does the next\n"
	       "good chain do its work, do the device's other queue and another process's device, and\n"
	       "does a reset help. *Contained* means all of it; of vhost_custom also that the fault was\n"
	       "counted once, by its reason. Packed rings are vhost_custom's only; an attack on rings of\n"
	       "both layouts was made on both there. [SECURITY.md](../SECURITY.md) says what it is\n"
	       "about, [tests/hostile](../tests/hostile) how it is done.\n\n", host.release);
}

static void print_section(const char *title, unsigned int group)
{
	size_t i;

	printf("## %s\n\n| attack | rings | vhost_custom | vhost_net |\n|---|---|---|---|\n",
	       title);
	for (i = 0; i < row_num; i++)
		if (group == GROUPS || rows[i].attack->group == group)
			print_row(&rows[i]);
	printf("\n");
}

/**
 * table_print() - run all attacks and print the page
 * @all: the attacks, by file.
 * @files: how many.
 * @hammer: they are those of hammer.c, which are a section of their own.
 *
 * Return: the exit status: 0 if /dev/vhost-custom contained all of them, and all were made.
 */
int table_print(const struct attacks *const *all, size_t files, bool hammer)
{
	unsigned int bad = 0;
	size_t i, j;

	for (i = 0; i < files; i++)
		for (j = 0; j < all[i]->count; j++)
			rows[row_num++] = (struct row) {
				.attack = &all[i]->list[j],
				.name = table_name(&all[i]->list[j]),
			};
	run_all(hammer);
	if (hammer) {
		print_section("Another device keeps 90 % of its rate while one is hammered",
			      GROUPS);
	} else {
		print_head();
		print_counts();
		print_section("Rings and chains of a hostile guest", RING);
		print_section("Frames and headers of a hostile guest", FRAME);
		print_section("A hostile VMM", VMM);
	}
	for (i = 0; i < row_num; i++)
		bad += !is_contained(&rows[i]) || !*rows[i].saw || *rows[i].saw == '*';
	return bad ? EXIT_FAILURE : EXIT_SUCCESS;
}
