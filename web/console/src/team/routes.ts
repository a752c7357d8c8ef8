/** The routes of the team. Each page is loaded with its texts when somebody goes there. */
import type { RouteRecordRaw } from 'vue-router'
import { withTexts } from '@/locales'

const idOf = ({ params }: { params: Record<string, unknown> }) => ({ id: Number(params['id']) })

const PersonPage = () => import('./people/PersonPage.vue')
const RolePage = () => import('./roles/RolePage.vue')
const GroupPage = () => import('./groups/GroupPage.vue')

/** A page of its own below one of the navigation's: on a phone it has the screen for itself. */
const deep = { deep: true }

export const teamRoutes: RouteRecordRaw = {
  path: 'team',
  component: withTexts(['team'], () => import('./TeamArea.vue')),
  children: [
    { path: '', name: 'team', component: () => import('./TeamHome.vue') },
    { path: 'people', name: 'people', component: () => import('./people/PeopleList.vue') },
    { path: 'people/new', name: 'newPerson', component: PersonPage, meta: { page: 'people', ...deep } },
    { path: 'people/:id(\\d+)', name: 'person', component: PersonPage, props: idOf, meta: { page: 'people', ...deep } },
    { path: 'roles', name: 'roles', component: () => import('./roles/RoleList.vue') },
    { path: 'roles/new', name: 'newRole', component: RolePage, meta: { page: 'roles', ...deep } },
    { path: 'roles/:id(\\d+)', name: 'role', component: RolePage, props: idOf, meta: { page: 'roles', ...deep } },
    { path: 'groups', name: 'groups', component: () => import('./groups/GroupList.vue') },
    { path: 'groups/new', name: 'newGroup', component: GroupPage, meta: { page: 'groups', ...deep } },
    { path: 'groups/:id(\\d+)', name: 'group', component: GroupPage, props: idOf, meta: { page: 'groups', ...deep } },
    { path: 'members', name: 'members', component: withTexts(['members'], () => import('@/members/MembersPage.vue')) },
    { path: 'keys', name: 'keys', component: withTexts(['keys'], () => import('@/keys/KeysPage.vue')) },
    { path: 'audit', name: 'audit', component: withTexts(['audit', 'keys'], () => import('@/audit/AuditPage.vue')) },
    { path: 'settings', name: 'settings', component: () => import('./settings/SettingsPage.vue') },
  ],
}
