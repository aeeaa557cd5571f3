/* SPDX-License-Identifier: Apache-2.0 */
/* What `faultctl plan` says to people. */
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/number.h"
#include "user/controller/authority_store.h"
#include "user/controller/report.h"
#include "user/controller/report_text.h"
#include "user/controller/verb.h"
#include "user/protocol/names.h"

static const char *const layer_names[] = {
	[PLAN_LAYER_NONE] = "nothing",	      [PLAN_LAYER_CONNECT] = "connect layer",
	[PLAN_LAYER_PACKET] = "packet layer", [PLAN_LAYER_MESSAGE] = "message layer",
	[PLAN_LAYER_LINK] = "link layer",
};

/* What a client sees of an effect. */
static const char *const seen[] = {
	[FAULT_EFFECT_NONE] = "nothing",
	[FAULT_EFFECT_REFUSE] = "ECONNREFUSED at once",
	[FAULT_EFFECT_UNREACHABLE] = "EHOSTUNREACH at once",
	[FAULT_EFFECT_DROP] = "silence",
	[FAULT_EFFECT_LOSS] = "lost packets",
	[FAULT_EFFECT_HANG] = "no answer on an open connection",
	[FAULT_EFFECT_ANSWER] = "an HTTP answer",
	[FAULT_EFFECT_ALERT] = "a TLS alert",
	[FAULT_EFFECT_RESET] = "ECONNRESET, at the connect ECONNREFUSED",
	[FAULT_EFFECT_CUT] = "ECONNRESET in the middle of the response",
	[FAULT_EFFECT_STALL] = "a response that stops coming",
	[FAULT_EFFECT_RATE] = "a slow response",
	[FAULT_EFFECT_DNS] = "an error of its resolver",
	[FAULT_EFFECT_OVERLOAD] = "what is beyond the capacity rejected",
	[FAULT_EFFECT_DELAY] = "a server that takes longer",
	[FAULT_EFFECT_DRIP] = "a response whose body trickles",
	[FAULT_EFFECT_CERTIFICATE] = "a certificate that it refuses",
	[FAULT_EFFECT_CORRUPT] = "changed bytes in what the server sends, inside TLS a bad record",
};
_Static_assert(ARRAY_SIZE(seen) == FAULT_EFFECT_COUNT, "an effect is not described");

static void print_strings(const char *label, const struct strings *strings, FILE *out)
{
	if (!strings->count)
		return;
	fprintf(out, " %s", label);
	for (size_t i = 0; i < strings->count; i++)
		fprintf(out, "%s%s", i ? ", " : " ", strings->items[i]);
}

static void print_ports(const struct port_range *ports, size_t count, FILE *out)
{
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "%s%u", i ? "," : " port ", ports[i].first);
		if (ports[i].last != ports[i].first)
			fprintf(out, "-%u", ports[i].last);
	}
}

static void print_match(const struct plan_match *match, FILE *out)
{
	char text[ADDRESS_TEXT_SIZE];

	fprintf(out, "%s", match->tcp && match->udp ? "tcp and udp" : match->tcp ? "tcp" : "udp");
	for (size_t i = 0; i < match->names.count; i++)
		fprintf(out, "%s%s", i ? ", " : " to ", match->names.items[i]);
	for (size_t i = 0; i < match->prefixes_count; i++) {
		address_format_prefix(&match->prefixes[i], text);
		fprintf(out, "%s%s", i || match->names.count ? ", " : " to ", text);
	}
	print_ports(match->ports, match->ports_count, out);
	print_strings("path", &match->paths, out);
	for (unsigned int i = 0, any = 0; i < FAULT_METHOD_COUNT; i++)
		if (match->methods & (1U << i))
			fprintf(out, "%s%s", any++ ? "," : " method ", fault_method_name(i));
	print_strings("cgroup", &match->cgroups, out);
	print_strings("unit", &match->units, out);
	print_strings("container", &match->containers, out);
	print_strings("process", &match->commands, out);
	print_strings("user", &match->users, out);
	print_strings("namespace", &match->namespaces, out);
	print_strings("forwarded from", &match->interfaces, out);
	if (match->http && !match->paths.count && !match->methods)
		fprintf(out, " (HTTP requests only)");
}

static void print_answer(const struct plan_rule *rule, FILE *out)
{
	fprintf(out, " %u %s, body of %zu bytes", rule->status,
		rule->reason ? rule->reason : plan_status_phrase(rule->status), rule->body_length);
}

static void print_delay(const struct plan_delay *delay, FILE *out)
{
	char text[NUMBER_DURATION_SIZE];

	number_format_duration(delay->time_ns, text);
	fprintf(out, " of %s", text);
	if (delay->jitter_ns) {
		number_format_duration(delay->jitter_ns, text);
		fprintf(out, " with a jitter of %s (%s)", text,
			plan_distribution_name(delay->distribution));
	}
	fprintf(out, delay->at_connect ? " at the connect" : " before each request");
}

/* What belongs to the one effect. */
static void print_values(const struct plan_rule *rule, FILE *out)
{
	char text[NUMBER_QUANTITY_SIZE];

	switch (rule->effect) {
	case FAULT_EFFECT_LOSS:
		fprintf(out, " of %.4g%%", rule->loss / 10000.0);
		break;
	case FAULT_EFFECT_ANSWER:
		print_answer(rule, out);
		break;
	case FAULT_EFFECT_ALERT:
		fprintf(out, " %s", plan_alert_name(rule->alert));
		break;
	case FAULT_EFFECT_RESET:
		fprintf(out, " at %s", plan_reset_name(rule->reset_at));
		break;
	case FAULT_EFFECT_CUT:
	case FAULT_EFFECT_STALL:
		number_format_size(rule->after, text);
		fprintf(out, " after %s", text);
		break;
	case FAULT_EFFECT_DELAY:
		print_delay(&rule->delay, out);
		break;
	case FAULT_EFFECT_CERTIFICATE:
		fprintf(out, " %s", plan_certificate_name(rule->certificate));
		break;
	case FAULT_EFFECT_CORRUPT:
		number_format_size(rule->every, text);
		fprintf(out, " of a byte in %s", text);
		number_format_size(rule->after, text);
		fprintf(out, " after %s", text);
		break;
	case FAULT_EFFECT_DRIP:
	case FAULT_EFFECT_RATE:
		number_format_rate(rule->rate, text);
		fprintf(out, " of %s", text);
		break;
	case FAULT_EFFECT_DNS:
		fprintf(out, " %s", plan_dns_name(rule->dns));
		break;
	case FAULT_EFFECT_OVERLOAD:
		fprintf(out, " above %.6g/s and a burst of %llu, a rejected one costs %.4g, by %s",
			(double)rule->capacity / 1000, (unsigned long long)rule->burst,
			rule->reject_cost / 1000000.0, plan_effect_name(rule->reject));
		if (rule->reject == FAULT_EFFECT_ANSWER)
			print_answer(rule, out);
		break;
	default:
		break;
	}
}

static void print_shape(const struct fault_shape *shape, FILE *out)
{
	char text[NUMBER_DURATION_SIZE];

	if (shape->ramp_over) {
		number_format_duration(shape->ramp_over, text);
		fprintf(out, ", from %.4g%% to %.4g%% of them over %s", shape->ramp_from / 10000.0,
			shape->ramp_to / 10000.0, text);
	}
	if (shape->flap_period) {
		number_format_duration(shape->flap_period, text);
		fprintf(out, ", in the first %.4g%% of every %s", shape->flap_duty / 10000.0, text);
	}
	if (shape->first)
		fprintf(out, ", the first %llu only", (unsigned long long)shape->first);
	if (shape->budget_hits)
		fprintf(out, ", until %llu hits", (unsigned long long)shape->budget_hits);
	if (shape->budget_connections)
		fprintf(out, ", until hits on %llu connections",
			(unsigned long long)shape->budget_connections);
}

/* Who carries the rule out. */
static const char *carrier_of(const struct plan_rule *rule)
{
	uint8_t gate = plan_rule_gate(rule);

	if (gate == FAULT_GATE_TLS && rule->effect == FAULT_EFFECT_ANSWER)
		return "message layer, inside TLS the gate";
	return gate ? "gate" : layer_names[plan_effect_layer(rule->effect, rule->reject)];
}

/* What becomes of TLS connections. */
static void print_tls(const struct plan_rule *rule, FILE *out)
{
	bool terminates = plan_rule_gate(rule) & FAULT_GATE_TLS;

	if (rule->effect == FAULT_EFFECT_CERTIFICATE)
		fprintf(out, "; one that checks no certificates notices nothing%s",
			rule->certificate == PLAN_CERTIFICATE_UNTRUSTED
				? ""
				: ", one that does not trust the experiment's authority calls it "
				  "untrusted");
	else if (terminates)
		fprintf(out, "; over TLS one that does not trust the experiment's authority sees "
			     "a certificate error instead (faultctl ca trust --check)");
	else if (plan_effect_answers(rule->effect, rule->reject) ||
		 rule->effect == FAULT_EFFECT_DRIP)
		fprintf(out, "; what is inside TLS passes");
}

static void print_effect(const struct plan_rule *rule, FILE *out)
{
	fprintf(out, "%s", plan_effect_name(rule->effect));
	print_values(rule, out);
	print_shape(&rule->shape, out);
	if (rule->share != FAULT_SHARE_ALWAYS)
		fprintf(out, ", %.4g%% of them", rule->share / 10000.0);
	fprintf(out, "; %s: the client sees %s", carrier_of(rule), seen[rule->effect]);
	print_tls(rule, out);
	if (rule->existing == PLAN_EXISTING_RESET)
		fprintf(out, "; open connections are reset at the inject");
	if (rule->existing == PLAN_EXISTING_ADOPT)
		fprintf(out, "; open connections are adopted at the inject");
}

static void print_fault(const struct fault *fault, FILE *out)
{
	fprintf(out, "  %s", fault->name);
	print_strings("(presets", &fault->presets, out);
	fprintf(out, "%s\n", fault->presets.count ? ")" : "");
	if (fault->rules_count) {
		fprintf(out, "    ");
		print_effect(&fault->rules[0], out);
		fputc('\n', out);
	}
	for (size_t i = 0; i < fault->rules_count; i++) {
		fprintf(out, "    %s ", i ? "or   " : "match");
		print_match(&fault->rules[i].match, out);
		fputc('\n', out);
	}
	for (size_t i = 0; i < fault->notes.count; i++)
		fprintf(out, "    note: %s\n", fault->notes.items[i]);
}

static void print_scope(const struct experiment *experiment, FILE *out)
{
	fprintf(out, "scope: ");
	if (!experiment->scope_cgroups.count && !experiment->scope_units.count &&
	    !experiment->scope_containers.count && !experiment->scope_commands.count &&
	    !experiment->scope_users.count && !experiment->scope_namespaces.count)
		fprintf(out, "the whole host, as far as the daemon's policy allows");
	print_strings("cgroups", &experiment->scope_cgroups, out);
	print_strings("units", &experiment->scope_units, out);
	print_strings("containers", &experiment->scope_containers, out);
	print_strings("processes", &experiment->scope_commands, out);
	print_strings("users", &experiment->scope_users, out);
	print_strings("namespaces", &experiment->scope_namespaces, out);
	fprintf(out, "\nprotected:");
	for (size_t i = 0; i < experiment->protect_count; i++)
		fprintf(out, "%s %s", i ? "," : "", experiment->protect[i].text);
	fprintf(out, "%s; and what the daemon's policy protects\n",
		experiment->protect_count ? "" : " nothing by the experiment");
}

/* Offsets from the start of the run, and the clock times if it started now. */
static void print_timeline(const struct experiment *experiment, FILE *out)
{
	static const char *const words[] = {
		[STEP_STEADY] = "steady", [STEP_INJECT] = "inject",   [STEP_LIFT] = "lift",
		[STEP_WAIT] = "wait",	  [STEP_RECOVER] = "recover",
	};
	uint64_t offset = 0, now = clock_realtime_ns();

	for (size_t i = 0; i < experiment->timeline_count; i++) {
		const struct step *step = &experiment->timeline[i];
		char date[CLOCK_RFC3339_SIZE], time[REPORT_TIME_SIZE];
		char length[NUMBER_DURATION_SIZE];

		report_time(offset, time);
		clock_format_rfc3339(now + offset, date);
		number_format_duration(step->for_ns, length);
		fprintf(out, "  %-7s %.8s  %s", offset ? time : "0", date + 11, words[step->kind]);
		for (size_t j = 0; j < step->faults_count; j++)
			fprintf(out, "%s %s", j ? "," : "",
				experiment->faults[step->faults[j]].name);
		if (step->over_ns) {
			number_format_duration(step->over_ns, length);
			fprintf(out, " over %s", length);
		}
		if (step->steps)
			fprintf(out, " in %u steps", step->steps);
		if (step->kind != STEP_LIFT)
			fprintf(out, "%s %s", step->kind == STEP_RECOVER ? " for at most" : " for",
				length);
		if (step->kind == STEP_INJECT && step->wait_ns != step->for_ns) {
			number_format_duration(step->wait_ns, length);
			fprintf(out, ", going on after %s", length);
		}
		fputc('\n', out);
		if (step->kind == STEP_INJECT)
			offset += step->wait_ns;
		else
			offset += step->kind == STEP_LIFT ? step->over_ns : step->for_ns;
	}
}

static void print_budget(const struct workflow_budget *budget, FILE *out)
{
	const struct {
		bool has;
		const char *name;
		uint64_t ns;
	} times[] = {
		{budget->has_detect, "detect", budget->detect_ns},
		{budget->has_recover, "recover", budget->recover_ns},
		{budget->has_outage, "outage", budget->outage_ns},
	};
	const char *between = "    budget: ";
	char text[NUMBER_DURATION_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		if (!times[i].has)
			continue;
		number_format_duration(times[i].ns, text);
		fprintf(out, "%s%s %s", between, times[i].name, text);
		between = ", ";
	}
	if (budget->has_amplification) {
		fprintf(out, "%samplification %.4g", between, budget->amplification);
		between = ", ";
	}
	if (budget->has_availability) {
		fprintf(out, "%savailability %.4g%%", between, budget->availability / 10000.0);
		between = ", ";
	}
	fprintf(out, "%s\n", strcmp(between, ", ") == 0 ? "" : "    no budget");
}

static void print_workflow(const struct workflow *workflow, FILE *out)
{
	char every[NUMBER_DURATION_SIZE], timeout[NUMBER_DURATION_SIZE];

	number_format_duration(workflow->every_ns, every);
	number_format_duration(workflow->timeout_ns, timeout);
	fprintf(out, "  %s: ", workflow->name);
	if (workflow->http.url)
		fprintf(out, "%s %s, %s connections", workflow->http.method, workflow->http.url,
			workflow->http.warm ? "kept" : "fresh");
	for (size_t i = 0; i < workflow->run.count; i++)
		fprintf(out, "%s%s", i ? " " : "", workflow->run.items[i]);
	for (size_t i = 0; i < workflow->observe.count; i++)
		fprintf(out, "%s%s", i ? ", " : "observes the traffic that is matched by ",
			workflow->observe.items[i]);
	if (workflow->control)
		fprintf(out, "\n    control group of %s", workflow->control);
	if (workflow->observe.count)
		fputc('\n', out);
	else
		fprintf(out, "\n    every %s, %u %s of at most %s each\n", every,
			workflow->retry.attempts, workflow->retry.attempts == 1 ? "try" : "tries",
			timeout);
	print_budget(&workflow->budget, out);
}

static void print_warnings(const struct experiment *experiment, FILE *out)
{
	for (size_t i = 0; i < experiment->workflows_count; i++) {
		const struct workflow *workflow = &experiment->workflows[i];
		uint64_t longest = workflow->timeout_ns * workflow->retry.attempts;

		if (workflow->http.warm)
			fprintf(out,
				"warning: %s keeps its connection: a fault of new connections only "
				"does not meet it\n",
				workflow->name);
		if (longest / workflow->every_ns >= 256)
			fprintf(out,
				"warning: %s may have more than 256 units under way when every try "
				"times out; those beyond count as failed\n",
				workflow->name);
		if (workflow->budget.has_recover &&
		    workflow->budget.recover_ns < 2 * workflow->every_ns)
			fprintf(out,
				"warning: %s: a recover budget below two periods is likely to be "
				"inconclusive\n",
				workflow->name);
	}
}

/* What clients on this host make of the certificates that the gate will show, where not all is
 * well.
 */
static void print_trust(const struct plan *plan, FILE *out)
{
	char said[512] = "";

	for (size_t i = 0; i < plan->rules_count; i++) {
		const struct plan_rule *rule = &plan->rules[i];
		const struct strings *names = &rule->match.names;
		char text[512];

		if (!(plan_rule_gate(rule) & FAULT_GATE_TLS))
			continue;
		for (size_t k = 0; k < names->count; k++) {
			if (authority_foresee(AUTHORITY_DIRECTORY, names->items[k], text,
					      sizeof(text)) ||
			    strcmp(text, said) == 0)
				continue;
			fprintf(out, "warning: %s: %s\n", rule->fault, text);
			memcpy(said, text, sizeof(said));
		}
	}
}

int explain_experiment(const struct experiment *experiment, const struct plan *plan, FILE *out)
{
	char length[NUMBER_DURATION_SIZE], lease[NUMBER_DURATION_SIZE];

	number_format_duration(experiment_duration_ns(experiment), length);
	number_format_duration(experiment->lease_ns, lease);
	fprintf(out, "%s\n", experiment->title);
	fprintf(out, "at most %s; faults outlive a lost controller by at most %s\n\n", length,
		lease);
	print_scope(experiment, out);
	fprintf(out, "\nfaults (%zu rules of %d):\n", plan->rules_count, FAULT_RULES_MAX);
	for (size_t i = 0; i < experiment->faults_count; i++)
		print_fault(&experiment->faults[i], out);
	fprintf(out, "\ntimeline, if it began now (UTC):\n");
	print_timeline(experiment, out);
	fprintf(out, "\nworkflows:\n");
	for (size_t i = 0; i < experiment->workflows_count; i++)
		print_workflow(&experiment->workflows[i], out);
	for (size_t i = 0; i < experiment->aborts_count; i++) {
		const struct abort_rule *rule = &experiment->aborts[i];

		number_format_duration(rule->for_ns, length);
		fprintf(out, "abort: when %s succeeds in less than %.4g%% over %s\n",
			experiment->workflows[rule->workflow].name,
			rule->availability_below / 10000.0, length);
	}
	print_warnings(experiment, out);
	print_trust(plan, out);
	return 0;
}
